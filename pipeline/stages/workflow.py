"""Before the first job and after the last: data looked for, the workflow's record opened, closed.

What fails here fails before any job, since Snakemake retries a job whatever its exit code says.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipeline import data, locks, provenance, slurm, tracking
from pipeline.config.jobs import WorkflowJob


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
        tracking.finish_workflow(state, status)
    locks.release_workflow(state)


def _controller() -> int | None:
    """The process of snakemake, where it started us."""
    pid = os.environ.get("SHAPLEY_NAS_CONTROLLER")
    return int(pid) if pid else None


def tracked() -> bool:
    """Whether runs are mirrored to MLflow."""
    return os.environ.get("SHAPLEY_NAS_TRACKING", "true") == "true"
