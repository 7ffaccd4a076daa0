"""The run of one journal in MLflow, updated repeatedly from the journal."""

from __future__ import annotations

import hashlib
import posixpath
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.journal import Journal
from pipeline.progress import warn
from pipeline.tracking import described, models, store, tables
from pipeline.tracking.store import RefusedError, first_line

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.entities import Run as MlflowRun


KEY = "shapley_nas.run"  # the tag that identifies a journal's run in any store
NAME_LENGTH = 250  # characters of a name in MLflow
VALUE_LENGTH = 500  # characters of a parameter or tag, which every version of MLflow takes
BATCH = {"metrics": 1000, "params": 100, "tags": 100}  # MLflow's limits for a request


class Mirror:
    """Mirrors one journal as a run in a store; `update` sends the journal's new events.

    A new mirror asks the store what the run already has, so nothing is sent twice. Create a new one
    after an error, because the store may have received a part of the data.

    Args:
        client: client of the store.
        journal: current content.
        root: `results/{preset}`; artifacts outside this folder are never sent.
    """

    def __init__(self, client: MlflowClient, journal: Journal, root: Path) -> None:
        from mlflow.entities import ViewType

        self._client = client
        self._journal = journal
        self._root = root.resolve()
        self._experiment_id = _experiment(client, journal.start["experiment"]).experiment_id
        query = f"tags.`{KEY}` = '{journal.key}'"
        runs = client.search_runs([self._experiment_id], query, ViewType.ALL, max_results=1)
        self.run: MlflowRun | None = runs[0] if runs else None
        self._open = False
        self._sent: set[tuple[str, int]] = set()
        self._n_artifacts = 0

    @property
    def complete(self) -> bool:
        """Whether nothing is left to send; also true if the run was deleted in the store."""
        if self.run is None:
            return False
        end, info = (self._journal.status, self._journal.events[-1]["time"]), self.run.info
        if info.lifecycle_stage == "deleted":
            return True
        return (info.status, info.end_time) == end and not self._stale_tags()[1]

    def prepare(self, journal: Journal) -> None:
        """Export new models, which takes seconds and needs no store."""
        for path, form in journal.artifacts[self._n_artifacts :]:
            folder = _model_folder(journal)
            if form == "model" and self._is_product(path) and not folder.exists():
                _export(path, folder)

    def update(self, journal: Journal, parent_id: str | None) -> str:
        """Send everything that the store lacks, the status last; return the run's id.

        Args:
            journal: current content.
            parent_id: id of the workflow's run.
        """
        from mlflow.entities import Metric

        self._journal = journal
        run_id = self._opened(parent_id)
        fresh = [
            Metric(name, value, moment, step)
            for (shown, step), (value, moment) in described.points(journal).items()
            if ((name := fitting(shown)), step) not in self._sent
        ]
        self._log("metrics", run_id, fresh)
        self._sent.update((metric.key, metric.step) for metric in fresh)
        for path, form in dict.fromkeys(journal.artifacts[self._n_artifacts :]):
            if self._is_product(path):
                self._send(run_id, path, form)
            elif path.exists():
                warn(f"{self._journal.path}: {path} is no file of these results")
        self._n_artifacts = len(journal.artifacts)
        if journal.status != "RUNNING":
            end = journal.events[-1]
            if note := described.description(journal, self._report(parent_id or run_id)):
                self._client.set_tag(run_id, described.NOTE, note)
            self._client.set_terminated(run_id, end["status"], end["time"])
        return run_id

    def _report(self, workflow_id: str) -> str:
        """Address of a workflow's report in MLflow; empty for a run outside workflows."""
        if not (self._journal.workflow or self._journal.start["stage"] == "workflow"):
            return ""
        return (
            f"#/experiments/{self._experiment_id}/runs/{workflow_id}/artifacts/{described.REPORT}"
        )

    def end_orphans(self) -> None:
        """Mark open child runs of this workflow whose journals are gone as FAILED."""
        assert self.run is not None
        query = f"tags.`mlflow.parentRunId` = '{self.run.info.run_id}' and status = 'RUNNING'"
        for child in self._client.search_runs([self._experiment_id], query):
            self._client.set_terminated(child.info.run_id, "FAILED")

    def _opened(self, parent_id: str | None) -> str:
        """Create or reopen the run; return its id."""
        from mlflow.entities import Param, RunTag

        client, start = self._client, self._journal.start
        if self.run is None:
            key, name = {KEY: self._journal.key}, start["name"]
            name = name[:NAME_LENGTH]
            self.run = client.create_run(self._experiment_id, start["time"], key, name)
        run_id = self.run.info.run_id
        if not self._open:
            client.update_run(run_id, status="RUNNING")
            for name in self.run.data.metrics:
                history = client.get_metric_history(run_id, name)
                self._sent.update((metric.key, metric.step) for metric in history)
            parent = {"mlflow.parentRunId": parent_id} if parent_id else {}
            wanted, stale = self._stale_tags()
            source = described.source_tags(self._journal)
            tags = {**self._fitting(self._journal.tags), **source, **wanted, **parent}
            self._log("tags", run_id, [RunTag(*item) for item in tags.items()])
            for name in stale - wanted.keys():
                client.delete_tag(run_id, name)
            params = self._fitting(start["params"])
            self._log("params", run_id, [Param(*item) for item in params.items()])
            if data := described.data_of(self._journal):
                client.log_inputs(run_id, data)
            self._open = True
        return run_id

    def _stale_tags(self) -> tuple[dict[str, str], set[str]]:
        """Tags for the tables that use the run, and names of tags that differ in the store."""
        wanted = fitting_texts(tables.tags_of(self._journal))
        assert self.run is not None
        there = {k: v for k, v in self.run.data.tags.items() if k.startswith(tables.TAG)}
        return wanted, {name for name, _ in wanted.items() ^ there.items()}

    def _fitting(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Names and values as MLflow accepts them, with a warning if any were changed."""
        fits = fitting_texts(texts)
        if changed := [name for name in texts if fits.get(name) != texts[name]]:
            names = ", ".join(repr(name[:40]) for name in changed[:3])
            warn(
                f"{self._journal.path}: MLflow has {names} shortened (it takes plain names of "
                f"{NAME_LENGTH} and values of {VALUE_LENGTH} characters); the journal has all of it"
            )
        return fits

    def _is_product(self, path: Path) -> bool:
        """Whether a file exists in the results folder."""
        return path.is_file() and path.resolve().is_relative_to(self._root)

    def _log(self, kind: str, run_id: str, values: Sequence[Any]) -> None:
        """Send metrics, params or tags in few requests."""
        for start in range(0, len(values), BATCH[kind]):
            batch: dict[str, Any] = {kind: values[start : start + BATCH[kind]]}
            self._client.log_batch(run_id, **batch)

    def _send(self, run_id: str, path: Path, form: str) -> None:
        """Send one artifact, tables and models also in the form that MLflow displays."""
        if form == "report":
            self._client.log_text(run_id, path.read_text(encoding="utf-8"), described.REPORT)
            return
        whole = str(path.absolute())
        if form == "table":
            self._client.log_artifact(run_id, whole, "tables")
            _log_table(self._client, run_id, path)
            return
        self._client.log_artifact(run_id, whole)
        folder = _model_folder(self._journal)
        if form == "model" and folder.exists():
            name = described.model_name(self._journal)
            models.log(self._client, run_id, self._experiment_id, folder, name)
            shutil.rmtree(folder)


def fitting(name: str) -> str:
    """A name that MLflow accepts; a digest keeps changed names unique."""
    plain = re.sub(r"[^\w. :/-]", "_", name, flags=re.ASCII)
    if posixpath.normpath(plain) != plain or plain.startswith((".", "/")):
        plain = re.sub(r"[/.]", "_", plain)  # MLflow would read it as another path
    if plain == name and 0 < len(name) <= NAME_LENGTH:
        return name
    own = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{plain[: NAME_LENGTH - 20]}_{own}"


def fitting_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Parameters or tags as MLflow accepts them."""
    return {fitting(name): fitting_value(value) for name, value in texts.items()}


def fitting_value(value: str) -> str:
    """The value of a parameter or tag as MLflow accepts it."""
    plain = value.replace("\0", "\ufffd")
    return plain if len(plain) <= VALUE_LENGTH else plain[: VALUE_LENGTH - 1] + "…"


def _experiment(client: MlflowClient, name: str) -> Experiment:
    """Get or create the experiment with this name.

    Raises:
        RefusedError: the experiment was deleted, or MLflow does not accept its name.
    """
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            made = client.create_experiment(
                name, store.artifact_location(), tags=described.EXPERIMENT
            )
            found = client.get_experiment(made)
        except Exception as error:
            found = client.get_experiment_by_name(name)  # another recorder may have created it
            why = store.refusal(error)
            if found is None and why:
                raise RefusedError(f"set mlflow_experiment to another name ({why})") from error
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise RefusedError(
            f"experiment {name!r} was deleted in MLflow: restore it (`mlflow experiments restore "
            f"--experiment-id {found.experiment_id}`) or set mlflow_experiment to another name"
        )
    for tag in described.EXPERIMENT.items():
        if tag[0] not in found.tags:  # made by an earlier version, or by hand
            client.set_experiment_tag(found.experiment_id, *tag)
    return found


def _log_table(client: MlflowClient, run_id: str, path: Path) -> None:
    """Send a CSV file as an MLflow table, unless it is there: `log_table` would repeat the rows."""
    import pandas as pd

    name = f"tables/{path.stem}.json"
    if name not in {found.path for found in client.list_artifacts(run_id, "tables")}:
        client.log_table(run_id, pd.read_csv(path), name)


def _model_folder(journal: Journal) -> Path:
    """The folder of a model in MLflow's format until it is sent."""
    return journal.path.with_name("mlflow_model")


def _export(model: Path, folder: Path) -> None:
    """Write a model to a folder in MLflow's format; if torch cannot export it, only warn."""
    partial = folder.with_name("mlflow_model.partial")
    try:
        models.save(model, partial)
        partial.rename(folder)
    except Exception as error:  # torch.export raises many kinds
        warn(f"{model}: not logged as a model ({first_line(error)})")
        shutil.rmtree(partial, ignore_errors=True)
