"""What MLflow has of a results folder: ids of runs, and addresses of MLflow's pages.

The recorder writes `state/mlflow.jsonl`, a line for each run that it has sent. Reports and
comparisons read it here, without a connection to MLflow.
"""
# Tested in tests/tracking/test_tables.py.

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipeline import paths

FILE = "mlflow.jsonl"  # in `state`
LINE = TypeAdapter(dict[str, str])
UI = "http://127.0.0.1:5000"  # where `make ui` serves a local store
PARAM_LENGTH = 500  # characters of a parameter in MLflow


def runs(state: Path) -> dict[str, dict[str, str]]:
    """Key of a journal -> `run_id`, `experiment_id` and `status` of its run in MLflow."""
    path = state / FILE
    return _runs(path, path.stat().st_mtime_ns) if path.exists() else {}


@lru_cache(maxsize=8)
def _runs(path: Path, _: int) -> dict[str, dict[str, str]]:
    by_key = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):  # a line is incomplete after a kill
            run = LINE.validate_json(line)
            by_key[run.get("key", "")] = run
    return by_key


def ids(folder: Path, provenance: Mapping[str, Any]) -> dict[str, str]:
    """`mlflow_run_id` and `mlflow_experiment_id` of a run; empty if MLflow lacks the run."""
    # Earlier versions wrote the two ids into `provenance.json` instead of `run_key`.
    names = {"mlflow_run_id": "run_id", "mlflow_experiment_id": "experiment_id"}
    if "run_key" not in provenance:
        return {name: provenance[name] for name in names if provenance.get(name)}
    root = folder.absolute().parents[len(Path(provenance["run"]).parts) - 1]
    run = runs(root / paths.STATE).get(provenance["run_key"], {})
    return {name: run[field] for name, field in names.items() if field in run}


def shortened(text: str) -> str:
    """The value of a parameter as MLflow has it."""
    return text if len(text) <= PARAM_LENGTH else text[: PARAM_LENGTH - 1] + "…"


def is_served() -> bool:
    """Whether MLflow's store is a server and not a local file."""
    return os.environ.get("MLFLOW_TRACKING_URI", "").startswith(("http://", "https://"))


def web_address() -> str:
    """The address of MLflow for a browser."""
    return os.environ["MLFLOW_TRACKING_URI"].rstrip("/") if is_served() else UI
