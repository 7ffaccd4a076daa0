"""Runs in MLflow, the mirror of the journals on disk; the only package that imports mlflow.

One parent run a workflow run, one child run a stage and seed, and in an MLflow experiment a table
one run a row of it. A stage writes its journal first (`journal.py`), which is then sent. MLflow out
of reach costs a warning and seconds, never a result, and `sync` completes it later: a `Mirror` asks
the store what it has and adds the rest, so that nothing is sent twice, whoever was killed where.

Store: `MLFLOW_TRACKING_URI`, else `mlflow.db` (sqlite) in the working tree. Off:
`SHAPLEY_NAS_TRACKING=false`; the same files come out. What a run carries there, and why tables are
tags as well as experiments: `docs/tracking.md`.
"""

from pipeline.tracking.lookup import Recorded, comparison_address, recorded
from pipeline.tracking.mirror import KEY, Mirror
from pipeline.tracking.store import connect, enabled, store_uri
from pipeline.tracking.tables import STUDY
from pipeline.tracking.workflow import (
    EXPERIMENT,
    PARENT_FILE,
    WORKFLOW,
    complete,
    finish_workflow,
    run,
    start_workflow,
    sync,
)

__all__ = [
    "EXPERIMENT",
    "KEY",
    "PARENT_FILE",
    "STUDY",
    "WORKFLOW",
    "Mirror",
    "Recorded",
    "comparison_address",
    "complete",
    "connect",
    "enabled",
    "finish_workflow",
    "recorded",
    "run",
    "start_workflow",
    "store_uri",
    "sync",
]
