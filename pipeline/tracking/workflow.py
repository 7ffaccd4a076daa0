"""Opens the parent run of a workflow before the first job, and closes it after the last.

The parent run is a journal, which the recorder sends to MLflow. `start` also checks the data sets,
because Snakemake would retry a job that fails this check. `start` and `finish` may be repeated.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from pipeline import data, locks, paths, provenance, slurm
from pipeline import journal as journals
from pipeline.analysis import answer, rows
from pipeline.config.jobs import WorkflowJob
from pipeline.errors import InputError
from pipeline.journal import Journal
from pipeline.progress import warn
from pipeline.tracking import process, store, tables
from pipeline.tracking.tables import Rows

WORKFLOW = "workflow"  # the stage name of a parent
CONTROLLER = "SHAPLEY_NAS_CONTROLLER"  # environment variable: the process of snakemake


def start(job: WorkflowJob, data_root: Path, results: Path) -> None:
    """Check the data sets, open the parent run and start the recorder.

    Data sets that will be downloaded are not checked. SLURM jobs of an earlier, killed workflow are
    cancelled. `results` is `results/{preset}`.

    Raises:
        InputError: files of a data set are missing or damaged, or another workflow uses `results`.
    """
    state = results / paths.STATE
    # If called by hand, the workflow lasts as long as the shell or script that called us.
    locks.take_workflow(state, int(os.environ.get(CONTROLLER) or os.getppid()))
    if not locks.lives_elsewhere(results.parent, state):
        slurm.cancel_orphans(Path.cwd())
    for name in job.datasets:
        dataset = data.find(name, job.folders)
        if not (job.download and dataset.download):
            data.check(dataset, data_root)
    begin(state, job.mlflow_experiment, {"preset": job.preset, **provenance.code()})
    if store.enabled():
        process.start(state)


def begin(state: Path, experiment: str, tags: dict[str, str]) -> Journal:
    """Begin the journal of a workflow, or reopen that of an interrupted workflow."""
    before = journals.read(state / journals.NAME)
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    return journals.begin(
        state / journals.NAME,
        stage=WORKFLOW,
        name=f"{state.parent.name} · {now}",
        experiment=experiment,
        workflow=None,
        params={},
        tags=provenance.tags(tags),
        reopen=bool(before.events) and before.status == "RUNNING",
    )


def finish(results: Path, status: str) -> None:
    """End the workflow's parent run with `status` FINISHED or FAILED, and its open child runs.

    Does nothing if another workflow has locked the folder `results`.
    """
    state = results / paths.STATE
    controller = os.environ.get(CONTROLLER)
    if controller and not locks.owns_workflow(state, int(controller)):
        return
    parent = journals.read(state / journals.NAME)
    if parent.events and parent.status == "RUNNING":
        add_report(results, parent)
        end(state, parent, status, *_study(results))
        if store.enabled():
            process.drain(state)
    locks.release_workflow(state)


def end(state: Path, parent: Journal, status: str, study: dict[str, Rows], note: str = "") -> None:
    """Mark unfinished stages as failed, record the tables of the study, and end the parent run."""
    for journal in journals.read_all(state):
        if journal.workflow == parent.key and journal.status == "RUNNING":
            journal.append("end", status="FAILED")
    tables.record(state, parent, study)
    parent.append("end", status=status, note=note)


def add_report(results: Path, parent: Journal) -> None:
    """Add the newest report page to the journal, if this workflow made it."""
    pages = sorted((results / "report").glob("*.html"), key=lambda page: page.stat().st_mtime)
    if pages and pages[-1].stat().st_mtime * 1000 > parent.start["time"]:
        parent.append_artifact(pages[-1], form="report")


def _study(results: Path) -> tuple[dict[str, Rows], str]:
    """The tables of the study as rows and as Markdown; empty if a run's file is broken."""
    study = tables.read_study(results)
    if study is None:
        return {}, ""
    try:
        note = "\n\n".join(one.markdown for one in answer.summarised(study, results))
        return {**rows.tables(study, results)}, note
    except InputError as error:
        warn(f"the tables are not recorded: {error}")
        return {}, ""
