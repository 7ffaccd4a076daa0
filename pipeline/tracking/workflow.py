"""A workflow's run and its stages' runs: opened, ended, and completed from the journals."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import journal as journals
from pipeline import provenance
from pipeline.deadline import Deadline
from pipeline.errors import InputError
from pipeline.files import read_json, write_json
from pipeline.journal import Journal, Run
from pipeline.tracking import store, tables
from pipeline.tracking.mirror import Mirror, model_folder
from pipeline.tracking.tables import Rows

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARENT_FILE = (
    "mlflow_parent.json"  # undeclared to Snakemake: an id among its inputs reruns everything
)
EXPERIMENT = "shapley-nas"  # of a stage that runs outside a workflow
WORKFLOW = "workflow"  # the stage name of a parent
CATCH_UP_SECONDS = 600.0  # for all that a workflow's stages could not send


def start_workflow(
    state_dir: Path,
    experiment: str,
    tags: Mapping[str, str],
    artifacts: Sequence[Path] = (),
) -> str | None:
    """Make database, experiment and parent run before any job, or reopen an interrupted parent.

    Writes `mlflow_parent.json`, which the stages read and `finish_workflow` removes. Returns the
    run's id; None if tracking is off or the store out of reach: then stages keep journals only.
    """
    file = Path(state_dir) / PARENT_FILE
    journal = journals.begin(
        file.with_name(journals.NAME),
        stage=WORKFLOW,
        name=f"workflow {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())}",
        experiment=experiment,
        workflow=None,
        params={},
        tags=provenance.tags(tags),
        reopen=file.exists(),
    )
    for path in artifacts:
        journal.append_artifact(path)
    run_id = None
    if store.enabled():
        with journals.store_errors_warn():
            made: list[str] = []
            start = Deadline(2 * journals.patience())  # a new database takes longer than a report
            start.call(lambda: made.append(Mirror(store.prepared(), journal, None).update()))
            run_id = made[0]
    write_json(file, {"key": journal.key, "experiment": experiment, "run_id": run_id})
    return run_id


def finish_workflow(
    state_dir: Path, status: str, preset: str = "", study: Mapping[str, Rows] | None = None
) -> None:
    """End the parent as FINISHED or FAILED, and as FAILED each child that never ended.

    What MLflow missed of this workflow is sent. Without a started workflow nothing happens.

    Args:
        state_dir: `results/{preset}/state`.
        status: FINISHED or FAILED.
        preset: Part of the names of the tables' experiments.
        study: The tables, name -> rows (`analysis/rows.py`); they are journalled as well.
    """
    file = Path(state_dir) / PARENT_FILE
    if not file.exists():
        return
    key = read_json(file)["key"]
    found = journals.read_all(Path(state_dir))
    parent = next(j for j in found if j.key == key)
    mine = [j for j in found if j.workflow == key]
    for journal in mine:
        if journal.status == "RUNNING":
            journal.append("end", status="FAILED")
    rows = tables.record(Path(state_dir), parent, preset, study or {})
    parent.append("end", status=status)
    if store.enabled():
        others = [j for j in found if key not in (j.key, j.workflow)]
        with journals.store_errors_warn():
            limit = Deadline(CATCH_UP_SECONDS)
            limit.call(lambda: _complete([parent, *mine, *rows], parent, others))
    file.unlink()


@contextlib.contextmanager
def run(
    stage: str,
    name: str,
    state: Path,
    parent_file: Path | None,
    params: Mapping[str, Any],
    tags: Mapping[str, str],
) -> Iterator[Run]:
    """A stage's run: FINISHED when the block ends, FAILED when it raises or is terminated.

    Args:
        stage: The stage's verb.
        name: Which run of it.
        state: Folder of the journal, kept when the stage is done. If the run in it was killed or
            failed with the same parameters, it goes on.
        parent_file: `mlflow_parent.json`; where there is none, the journal is all that is made.
        params: Settings, nested as they are.
        tags: Names and digests; those of code and packages are added.
    """
    parent = {}
    if parent_file is not None and Path(parent_file).exists():
        parent = read_json(parent_file)
    journal = journals.begin(
        Path(state) / journals.NAME,
        stage=stage,
        name=f"{stage} {name}",
        experiment=parent.get("experiment", EXPERIMENT),
        workflow=parent.get("key"),
        params=provenance.flatten(params),
        tags=provenance.tags(tags),
    )
    parent_id = parent.get("run_id") if store.enabled() else None
    live = Run(journal)
    if parent_id:
        live = Run(
            journal,
            lambda: Mirror(store.connect(), journal, parent_id),
            lambda model: model_folder(model, journal),
        )
    with journals.sigterm_raises():
        try:
            yield live
        except BaseException:
            live.end("FAILED")
            raise
        live.end("FINISHED")


def sync(results_dir: Path) -> int:
    """Send all that MLflow lacks of a results folder; return the number of runs completed.

    Runs deleted in MLflow stay deleted, stages that have not ended are left to themselves.

    Raises:
        InputError: The store cannot be reached.
    """
    try:
        return _send(store.prepared(), journals.read_all(Path(results_dir)))
    except Exception as error:
        raise InputError(
            f"MLFLOW_TRACKING_URI: the store cannot be written ({journals.first_line(error)}); "
            "start the server or name another one"
        ) from error


def complete(found: Sequence[Journal]) -> set[str]:
    """Keys of the journals that MLflow has all of; none where it does not answer."""
    known: set[str] = set()
    if not found or not store.exists():
        return known
    with journals.store_errors_warn():
        client = store.connect()
        for journal in found:
            if Mirror(client, journal, None).complete():
                known.add(journal.key)
    return known


def _complete(mine: Sequence[Journal], parent: Journal, others: Sequence[Journal]) -> None:
    """Send what a workflow's journals hold, and end as FAILED children whose journals are gone.

    Earlier runs that this store has get the tags of the tables that they serve now.
    """
    client = store.connect()
    _send(client, mine)
    for journal in others:
        mirror = Mirror(client, journal, None)
        if journal.status != "RUNNING" and mirror.run is not None and not mirror.complete():
            mirror.update()
    ids = Mirror(client, parent, None).identity()
    query = f"tags.`mlflow.parentRunId` = '{ids['mlflow_run_id']}' and status = 'RUNNING'"
    for child in client.search_runs([ids["mlflow_experiment_id"]], query):
        client.set_terminated(child.info.run_id, "FAILED")


def _send(client: MlflowClient, found: Sequence[Journal]) -> int:
    """Mirror the journals that have ended, and all parents; return how many lacked something."""
    run_ids: dict[str | None, str] = {}
    n_sent = 0
    for journal in sorted(found, key=lambda journal: journal.start["stage"] != WORKFLOW):
        if journal.status == "RUNNING" and journal.start["stage"] != WORKFLOW:
            continue  # its own process may be sending
        mirror = Mirror(client, journal, run_ids.get(journal.workflow))
        if not mirror.complete():
            mirror.update()
            n_sent += 1
        run_ids[journal.key] = mirror.identity()["mlflow_run_id"]
    return n_sent
