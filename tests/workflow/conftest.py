"""The workflow in a copy of the checkout, on a study that is the demo's chain in small."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import paths

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "rules", "config", "profiles", "pipeline")

EXPERIMENT = {
    "title": "Toy",
    "rows": [
        {
            "label": "Shapley-NAS",
            "strategy": "shapley",
            "space": "nasbench201",
            "datasets": ["digits"],
            "query": True,
            "removal": True,
            "retrain": ["same"],
        },
        {
            "label": "Random",
            "strategy": "random",
            "space": "darts",
            "datasets": ["digits"],
            "retrain": ["digits64"],
        },
    ],
}
SETTINGS = {
    "experiments": ["toy"],
    "search": {
        "nasbench201": {
            "epochs": 3,
            "warmup_epochs": 1,
            "limit_train": 256,
            "supernet": {"channels": 4},
        }
    },
    "strategies": {"shapley": {"settings": {"permutations": 1, "value_images": 64}}},
    "retrain": {
        "nasbench201": {"epochs": 1, "channels": 4, "limit_train": 256},
        "folder": {"epochs": 1, "channels": 4, "limit_train": 128},
    },
}


def clean_environment() -> dict[str, str]:
    """No data root, no store of the developer's; `python` is the one that runs the tests."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("SHAPLEY_NAS")}
    for name in ("PYTHONPATH", "MLFLOW_TRACKING_URI"):
        own.pop(name, None)
    return {**own, "PATH": os.pathsep.join([str(Path(sys.executable).parent), own["PATH"]])}


@dataclass(frozen=True)
class Checkout:
    """A copy of what a checkout holds, in which Snakemake runs."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """As in a fresh clone; `pipeline` is the copy's."""
        return {**clean_environment(), "PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen:
        """Snakemake, not waited for."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        return subprocess.Popen(
            [*command, "--configfile", "toy.yaml"],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def snakemake(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Exit code and output."""
        process = self.start(*arguments, **environment)
        output, _ = process.communicate(timeout=600)
        return process.returncode, output

    def path(self, name: str) -> Path:
        """A file of the results."""
        return self.folder / paths.results("demo") / name

    def set(self, settings: dict) -> None:
        """Write the user's configuration."""
        (self.folder / "toy.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    def store(self) -> list[dict[str, Any]]:
        """Runs of the MLflow store: experiment, name, parent, stage, status, number of models."""
        import mlflow

        client = mlflow.MlflowClient(f"sqlite:///{self.folder / 'mlflow.db'}")
        names = {found.experiment_id: found.name for found in client.search_experiments()}
        return [
            {
                "id": run.info.run_id,
                "experiment": names[run.info.experiment_id],
                "name": run.info.run_name,
                "models": len(run.outputs.model_outputs) if run.outputs else 0,
                "row of toy": run.data.tags.get("experiment.toy", ""),
                "status": run.info.status,
                "parent": run.data.tags.get("mlflow.parentRunId", ""),
                "stage": run.data.tags.get("stage", ""),
                "run": run.data.tags.get("run", ""),
            }
            for run in client.search_runs([*names])
        ]


@pytest.fixture(scope="session")
def copy_checkout(tmp_path_factory):
    """A function that makes a copy of the checkout, with the toy study in it."""

    def copy() -> Checkout:
        folder = tmp_path_factory.mktemp("checkout")
        for part in PARTS:
            source, target = ROOT / part, folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, target, ignore=ignored)
            else:
                shutil.copy(source, target)
        text = yaml.safe_dump(EXPERIMENT)
        (folder / "config" / "experiments" / "toy.yaml").write_text(text, encoding="utf-8")
        checkout = Checkout(folder)
        checkout.set(SETTINGS)
        return checkout

    return copy
