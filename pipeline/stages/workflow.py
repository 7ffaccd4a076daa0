"""Before the first job and after the last: data looked for, the workflow's record opened, closed.

What fails here fails before any job, since Snakemake retries a job whatever its exit code says.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipeline import data, provenance, tracking
from pipeline.config.jobs import WorkflowJob


def start(job: WorkflowJob, data_root: Path, results: Path) -> None:
    """Check that every data set is there and whole, then open the parent run.

    Raises:
        InputError: a data set's files are missing or damaged.
    """
    for name in job.datasets:
        dataset = data.find(name, job.folders)
        if not (job.download and dataset.download):
            data.check(dataset, data_root)
    if tracked():
        tags = {"preset": job.preset, **provenance.code()}
        tracking.start_workflow(results / "state", job.mlflow_experiment, tags)


def finish(results: Path, status: str) -> None:
    """End the parent run and whatever hangs open below it."""
    if tracked():
        tracking.finish_workflow(results / "state", status)


def tracked() -> bool:
    """Whether runs are mirrored to MLflow."""
    return os.environ.get("SHAPLEY_NAS_TRACKING", "true") == "true"
