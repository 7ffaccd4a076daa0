"""Looks up recorded runs in MLflow, and the addresses of its pages."""
# Tested in tests/tracking/test_tables.py.

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipeline import journal, mirrored, paths
from pipeline.errors import InputError
from pipeline.tracking import store


@dataclass(frozen=True)
class Recorded:
    """A run in MLflow: parameters as text, the last value of each metric."""

    run_id: str
    experiment_id: str
    name: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


def recorded(run_id: str) -> Recorded:
    """The run with this id.

    Raises:
        InputError: the store does not answer, or has no such run.
    """
    try:
        found = store.connect().get_run(run_id)
    except Exception as error:
        raise InputError(
            f"{run_id}: no folder of a run, and MLflow has no such run "
            f"({store.first_line(error)}); MLFLOW_TRACKING_URI names the store"
        ) from error
    return Recorded(
        run_id,
        found.info.experiment_id,
        found.info.run_name,
        dict(found.data.params),
        dict(found.data.metrics),
        dict(found.data.tags),
    )


def runs_address(results: Path) -> str:
    """MLflow's page of a results folder's experiment, or of all experiments if none is known."""
    state = results / paths.STATE
    parent = journal.read(state / journal.NAME)
    run = mirrored.runs(state).get(parent.key) if parent.events else None
    # Without this query MLflow 3 shows traces of language models.
    page = f"/{run['experiment_id']}/runs?workflowType=machine_learning" if run else ""
    return f"{mirrored.web_address()}/#/experiments{page}"


def comparison_address(run_ids: Sequence[str], experiment_ids: Sequence[str]) -> str:
    """MLflow's page that compares some runs."""

    def compact(values: Sequence[str]) -> str:
        return quote(json.dumps([*dict.fromkeys(values)], separators=(",", ":")), safe="")

    query = f"runs={compact(run_ids)}&experiments={compact(experiment_ids)}"
    return f"{mirrored.web_address()}/#/compare-runs?{query}"
