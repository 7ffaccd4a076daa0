"""Saves a trained network as an MLflow model that loads without this package and without pickle.

The flavour is `mlflow.pytorch` with the serialization format `pt2`, a `torch.export` program. The
signature is float32 [b, 3, h, h] -> float32 [b, classes]. The auxiliary head is left out.
"""
# Tested in tests/tracking/test_tables.py.

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mlflow import MlflowClient


def save(model: Path, folder: Path) -> None:
    """Write the trained network in the file `model` as a folder in MLflow's format.

    `folder` is replaced if it exists. No MLflow server is needed.
    """
    import mlflow.pytorch
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    from pipeline.networks import load_model

    network, meta = load_model(model)
    network.auxiliary = None
    size, number = meta["image_size"], np.dtype(np.float32)
    shutil.rmtree(folder, ignore_errors=True)
    mlflow.pytorch.save_model(
        network.eval(),
        str(folder),
        signature=ModelSignature(
            Schema([TensorSpec(number, (-1, 3, size, size))]),
            Schema([TensorSpec(number, (-1, meta["classes"]))]),
        ),
        # Two images, because torch.export treats a dimension of size one as a constant.
        input_example=np.zeros((2, 3, size, size), np.float32),
        serialization_format="pt2",
        pip_requirements=[f"{name}=={version(name)}" for name in ("torch", "numpy", "mlflow")],
        metadata={key: meta[key] for key in ("layout", "channels", "cells", "mean", "std")},
    )


def log(client: MlflowClient, run_id: str, experiment_id: str, folder: Path, name: str) -> None:
    """Send a saved model to an MLflow store as the model of a run, unless the run has one.

    We cannot call `mlflow.pytorch.log_model`: it uses the active run of the process, but our
    threads send runs to several stores at once.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    outputs = client.get_run(run_id).outputs
    if outputs and outputs.model_outputs:
        return
    entry = client.create_logged_model(
        experiment_id, name=name, source_run_id=run_id, model_type="pytorch"
    )
    described = Model.load(str(folder))
    described.model_id = described.model_uuid = entry.model_id
    described.run_id, described.artifact_path = run_id, entry.artifact_location
    described.save(str(folder / "MLmodel"))
    client.log_model_artifacts(entry.model_id, str(folder))
    client.finalize_logged_model(entry.model_id, "READY")
    # This comes last, because it marks the model as sent.
    client.log_outputs(run_id, [LoggedModelOutput(entry.model_id, step=0)])
