"""Before the first job and after the last: data looked for, the workflow's record opened, closed.

What fails here fails before any job, since Snakemake retries a job whatever its exit code says.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from pipeline import data, files, locks, provenance, slurm, tracking
from pipeline.analysis import rows
from pipeline.config.jobs import ReportJob, WorkflowJob
from pipeline.errors import InputError

logger = logging.getLogger(__name__)


def start(job: WorkflowJob, data_root: Path, results: Path) -> None:
    """Check that every data set is there and whole, then open the parent run.

    What a killed workflow left at work is ended first.

    Raises:
        InputError: a data set's files are missing or damaged, or another workflow is at work in
            these results.
    """
    state = results / "state"
    if controller := _controller():
        locks.take_workflow(state, controller)
    if not locks.lives_elsewhere(results.parent, state):
        slurm.cancel_orphans(Path.cwd())
    for name in job.datasets:
        dataset = data.find(name, job.folders)
        if not (job.download and dataset.download):
            data.check(dataset, data_root)
    if tracked():
        tags = {"preset": job.preset, **provenance.code()}
        tracking.start_workflow(results / "state", job.mlflow_experiment, tags)


def finish(results: Path, status: str) -> None:
    """End the parent run and whatever hangs open below it, unless these are another workflow's."""
    state = results / "state"
    controller = _controller()
    if controller and not locks.owns_workflow(state, controller):
        return
    if tracked():
        tracking.finish_workflow(state, status, results.name, _tables(results))
    locks.release_workflow(state)


def _tables(results: Path) -> dict[str, list[dict[str, Any]]]:
    """The tables of the study as rows; none where a file of a run is broken."""
    study = results / "state" / tracking.STUDY
    if not study.exists():
        return {}
    try:
        return rows.tables(ReportJob.model_validate(files.read_json(study)), results)
    except InputError as error:
        logger.warning("the tables are not recorded: %s", error)
        return {}


def _controller() -> int | None:
    """The process of snakemake, where it started us."""
    pid = os.environ.get("SHAPLEY_NAS_CONTROLLER")
    return int(pid) if pid else None


def tracked() -> bool:
    """Whether runs are mirrored to MLflow."""
    return os.environ.get("SHAPLEY_NAS_TRACKING", "true") == "true"
