"""Runs in MLflow, the mirror of the journals on disk; the only module that imports mlflow.

One parent run a workflow run, one child run a stage and seed. A stage writes its journal first
(`journal.py`), which is then sent. MLflow out of reach costs a warning and seconds, never a
result, and `sync` completes it later: a `Mirror` asks the store what it has and adds the rest, so
that nothing is sent twice, whoever was killed where.

Store: `MLFLOW_TRACKING_URI`, else `mlflow.db` (sqlite) in the working tree. Off:
`SHAPLEY_NAS_TRACKING=false`; the same files come out. Parameters are the flattened settings,
values cut at 500 characters (`provenance.json` has them whole).
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
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

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

PARENT_FILE = (
    "mlflow_parent.json"  # undeclared to Snakemake: an id among its inputs reruns everything
)
EXPERIMENT = "shapley-nas"  # of a stage that runs outside a workflow
KEY = "shapley_nas.run"  # the tag by which a journal finds its run in any store
WORKFLOW = "workflow"  # the stage name of a parent
CATCH_UP_SECONDS = 600.0  # for all that a workflow's stages could not send
BATCH = {"metrics": 1000, "params": 100, "tags": 100}  # MLflow's limits for a request


def enabled() -> bool:
    """Whether stages speak to MLflow at all."""
    return os.environ.get("SHAPLEY_NAS_TRACKING", "true").lower() not in ("false", "0", "off", "no")


def store_uri() -> str:
    """Where MLflow keeps its runs."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path('mlflow.db').absolute()}"


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
    if enabled():
        with journals.store_errors_warn():
            made: list[str] = []
            start = Deadline(2 * journals.patience())  # a new database takes longer than a report
            start.call(lambda: made.append(Mirror(_prepared_store(), journal, None).update()))
            run_id = made[0]
    write_json(file, {"key": journal.key, "experiment": experiment, "run_id": run_id})
    return run_id


def finish_workflow(state_dir: Path, status: str) -> None:
    """End the parent as FINISHED or FAILED, and as FAILED each child that never ended.

    What MLflow missed of this workflow is sent. Without a started workflow nothing happens.
    """
    file = Path(state_dir) / PARENT_FILE
    if not file.exists():
        return
    key = read_json(file)["key"]
    mine = [j for j in journals.read_all(Path(state_dir)) if key in (j.key, j.workflow)]
    for journal in mine:
        if journal.key == key:
            parent = journal
            journal.append("end", status=status)
        elif journal.status == "RUNNING":
            journal.append("end", status="FAILED")
    if enabled():
        with journals.store_errors_warn():
            Deadline(CATCH_UP_SECONDS).call(lambda: _complete(mine, parent))
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
        params=journals.flatten(params),
        tags=provenance.tags(tags),
    )
    parent_id = parent.get("run_id") if enabled() else None
    live = Run(journal, (lambda: Mirror(connect(), journal, parent_id)) if parent_id else None)
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
        return _send(_prepared_store(), journals.read_all(Path(results_dir)))
    except Exception as error:
        raise InputError(
            f"MLFLOW_TRACKING_URI: the store cannot be written ({journals.first_line(error)}); "
            "start the server or name another one"
        ) from error


class Mirror:
    """One journal's run in a store; `update` brings it up to the journal."""

    def __init__(self, client: MlflowClient, journal: Journal, parent_id: str | None) -> None:
        from mlflow.entities import ViewType

        name = journal.start["experiment"]
        found = client.get_experiment_by_name(name)
        self._experiment_id = found.experiment_id if found else client.create_experiment(name)
        query = f"tags.`{KEY}` = '{journal.key}'"
        runs = client.search_runs([self._experiment_id], query, ViewType.ALL, max_results=1)
        self.run: MlflowRun | None = runs[0] if runs else None
        self._client = client
        self._journal = journal
        self._parent_id = parent_id
        self._open = False
        self._sent: set[tuple[str, int]] = set()
        self._n_artifacts = 0

    def identity(self) -> dict[str, str]:
        """Ids for links to MLflow; empty if the store has no such run (yet)."""
        if self.run is None:
            return {}
        return {"mlflow_run_id": self.run.info.run_id, "mlflow_experiment_id": self._experiment_id}

    def complete(self) -> bool:
        """Whether the store has all of it (the status is sent last) or had it deleted."""
        if self.run is None:
            return False
        end, info = (self._journal.status, self._journal.events[-1]["time"]), self.run.info
        return info.lifecycle_stage == "deleted" or (info.status, info.end_time) == end

    def update(self) -> str:
        """Send what the store lacks, the status last; return the run's id."""
        from mlflow.entities import Metric

        run_id = self._opened()
        fresh = [
            Metric(name, value, moment, step)
            for (name, step), (value, moment) in self._journal.points.items()
            if (name, step) not in self._sent
        ]
        self._log("metrics", run_id, fresh)
        self._sent.update((metric.key, metric.step) for metric in fresh)
        artifacts = self._journal.artifacts
        for path in dict.fromkeys(artifacts[self._n_artifacts :]):
            if path.exists():  # a product may be gone by the time of a `sync`
                self._client.log_artifact(run_id, str(path.absolute()))
        self._n_artifacts = len(artifacts)
        if self._journal.status != "RUNNING":
            end = self._journal.events[-1]
            self._client.set_terminated(run_id, end["status"], end["time"])
        return run_id

    def _opened(self) -> str:
        """The id of the run, which is made at need, or reopened and asked for its metrics."""
        from mlflow.entities import Param, RunTag

        client, start = self._client, self._journal.start
        if self.run is None:
            key, name = {KEY: self._journal.key}, start["name"]
            self.run = client.create_run(self._experiment_id, start["time"], key, name)
        run_id = self.run.info.run_id
        if not self._open:
            client.update_run(run_id, status="RUNNING")
            for name in self.run.data.metrics:
                history = client.get_metric_history(run_id, name)
                self._sent.update((metric.key, metric.step) for metric in history)
            parent = {"mlflow.parentRunId": self._parent_id} if self._parent_id else {}
            tags = {**self._journal.tags, **parent}
            self._log("tags", run_id, [RunTag(*item) for item in tags.items()])
            self._log("params", run_id, [Param(*item) for item in start["params"].items()])
            self._open = True
        return run_id

    def _log(self, kind: str, run_id: str, values: list[Any]) -> None:
        """Send metrics, params or tags in as few requests as MLflow allows."""
        for start in range(0, len(values), BATCH[kind]):
            batch: dict[str, Any] = {kind: values[start : start + BATCH[kind]]}
            self._client.log_batch(run_id, **batch)


def connect() -> MlflowClient:
    """A client of the store, impatient and without telemetry; the first call imports mlflow."""
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # stdout is JSON
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    # Retries are not news: what comes of them is said once.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store_uri())


def _prepared_store() -> MlflowClient:
    """`connect`, with a missing sqlite file made and one of an older MLflow migrated.

    Processes that do this together break the database: call it in one.
    """
    try:
        return connect()
    except Exception:
        if not store_uri().startswith("sqlite"):
            raise  # somebody's server: its owner migrates it
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", store_uri()]
        subprocess.run(command, check=True, capture_output=True)
        return connect()


def _complete(mine: Sequence[Journal], parent: Journal) -> None:
    """Send what a workflow's journals hold, and end as FAILED children whose journals are gone."""
    client = connect()
    _send(client, mine)
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
