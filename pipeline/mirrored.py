"""What MLflow has of the runs of a results folder, and its address. It does not import mlflow.

The recorder writes a line for each run that MLflow has received to `state/mlflow.jsonl`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipeline import paths

NAME = "mlflow.jsonl"  # in `state`; also the lock of the process that mirrors the folder
UI = "http://127.0.0.1:5000"  # where `make ui` serves a local store
LINE = TypeAdapter(dict[str, str])


def runs(state: Path) -> dict[str, dict[str, str]]:
    """Key of a journal -> `run_id`, `experiment_id` and `status` of its run in MLflow."""
    path = state / NAME
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
    root = paths.root_of(folder, provenance["run"])
    run = runs(root / paths.STATE).get(provenance["run_key"], {}) if root else {}
    return {name: run[field] for name, field in names.items() if field in run}


def is_served() -> bool:
    """Whether MLflow's store is a server and not a local file."""
    return os.environ.get("MLFLOW_TRACKING_URI", "").startswith(("http://", "https://"))


def web_address() -> str:
    """The address of MLflow for a browser."""
    return os.environ["MLFLOW_TRACKING_URI"].rstrip("/") if is_served() else UI
