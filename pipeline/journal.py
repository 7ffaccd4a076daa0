"""What a run reports, as lines of JSON on disk: written first, mirrored to MLflow second.

One file a run, only ever appended to. Every line is one event with its `time` in milliseconds:

    start     key (the run's identity, in MLflow a tag), stage, name, experiment, workflow, params,
              tags
    resume    workflow, tags: the same run goes on in another process
    metrics   step, values
    artifact  path, relative to the journal's folder; form: file | table | model
    end       status: FINISHED | FAILED

A process that is killed while it writes leaves a torn last line, which the reader passes over.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import re
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.deadline import Deadline

logger = logging.getLogger(__name__)

NAME = "journal.jsonl"


@dataclass(frozen=True)
class Journal:
    """One run's events, in memory and on disk."""

    path: Path
    events: list[dict[str, Any]]

    def append(self, event: str, **fields: Any) -> None:
        """Add one event; it is on disk when this returns."""
        # A clock that was set back must not let a run end before it began.
        before = self.events[-1]["time"] if self.events else 0
        record = {"event": event, "time": max(time.time_ns() // 1_000_000, before), **fields}
        with self.path.open("a", encoding="utf-8") as stream:
            # The line break comes first: a torn line before it cannot swallow this one.
            stream.write("\n" + json.dumps(record))
            stream.flush()
            os.fsync(stream.fileno())
        self.events.append(record)

    def append_artifact(self, path: Path | str, form: str = "file") -> None:
        """Add a product, named relative to the journal so that the working tree may move."""
        self.append("artifact", path=os.path.relpath(path, self.path.parent), form=form)

    @property
    def start(self) -> dict[str, Any]:
        """The first event: key, stage, name, experiment, params."""
        return self.events[0]

    @property
    def key(self) -> str:
        """The run's identity, wherever it is mirrored."""
        return self.start["key"]

    @property
    def workflow(self) -> str | None:
        """Key of the workflow run that this run belongs to, the latest if it was resumed."""
        return self._latest("workflow")

    @property
    def tags(self) -> dict[str, str]:
        """Tags, the latest if it was resumed."""
        return self._latest("tags")

    @property
    def status(self) -> str:
        """FINISHED or FAILED if the last event says so, else RUNNING (or killed)."""
        return self.events[-1].get("status", "RUNNING")

    @property
    def seconds_before(self) -> float:
        """Time at work of earlier processes, each from its start or resume to its last event."""
        starts = [i for i, e in enumerate(self.events) if e["event"] in ("start", "resume")]
        spans = itertools.pairwise(starts)
        return sum(self.events[b - 1]["time"] - self.events[a]["time"] for a, b in spans) / 1000

    @property
    def points(self) -> dict[tuple[str, int], tuple[float, int]]:
        """(metric, step) -> (value, time)."""
        return {
            (name, event["step"]): (value, event["time"])
            for event in self.events
            for name, value in event.get("values", {}).items()
        }

    @property
    def artifacts(self) -> list[tuple[Path, str]]:
        """(product, form) in the order of adding; one added again stands there again."""
        added = [event for event in self.events if event["event"] == "artifact"]
        # Journals of earlier versions know no form.
        return [(self.path.parent / e["path"], e.get("form", "file")) for e in added]

    def _latest(self, field: str) -> Any:
        return next(event[field] for event in reversed(self.events) if field in event)


def read(path: Path) -> Journal:
    """The journal at `path`; one without events where there is no file."""
    events = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").split("\n"):
            # Only a torn line fails to parse: a whole one was written by `append`.
            with contextlib.suppress(json.JSONDecodeError):
                events.append(json.loads(line))
    # Without its start, as when the folder went while a stage was at work, it is no run's journal.
    begun = bool(events) and events[0].get("event") == "start"
    return Journal(path, events if begun else [])


def read_all(folder: Path) -> list[Journal]:
    """All journals under a folder that hold at least their start, sorted by path."""
    found = (read(path) for path in sorted(folder.rglob("journal*.jsonl")))
    return [journal for journal in found if journal.events]


def begin(
    path: Path,
    stage: str,
    name: str,
    experiment: str,
    workflow: str | None,
    params: Mapping[str, str],
    tags: Mapping[str, str],
    reopen: bool = True,
) -> Journal:
    """Go on with the run at `path`, or put it aside and start a new one.

    A run is gone on with if it was killed or failed and has the same parameters (and `reopen`):
    its stage resumes from a checkpoint, and its curve belongs together. A finished run that is
    made again, or one with other parameters, is another run.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    journal = read(path)
    if journal.events:
        if reopen and journal.status != "FINISHED" and journal.start["params"] == params:
            journal.append("resume", workflow=workflow, tags=tags)
            return journal
        if journal.status == "RUNNING":
            journal.append("end", status="FAILED")
        path.replace(path.with_name(f"journal-{journal.key}.jsonl"))
    path.unlink(missing_ok=True)
    journal = Journal(path, [])
    journal.append(
        "start",
        key=uuid.uuid4().hex,
        stage=stage,
        name=name,
        experiment=experiment,
        workflow=workflow,
        params=params,
        tags=tags,
    )
    return journal


class Mirror(Protocol):
    """Where a journal is copied to; `tracking.Mirror` is the one there is."""

    def update(self) -> str:
        """Bring the copy up to the journal; return its id."""

    def identity(self) -> dict[str, str]:
        """Where the copy is found."""


class Run:
    """What a stage reports to: its journal first, the mirror (if any) second.

    `params` are the flattened settings; `prepare` makes a model ready to be sent.
    """

    def __init__(
        self,
        journal: Journal,
        make_mirror: Callable[[], Mirror] | None = None,
        prepare: Callable[[Path], object] | None = None,
    ) -> None:
        self.params: Mapping[str, str] = journal.start["params"]
        self._journal = journal
        self._make_mirror = make_mirror
        self._prepare = prepare
        self._mirror: Mirror | None = None
        self._deadline = Deadline(patience())
        self._lost = False
        self._update()

    def identity(self) -> dict[str, str]:
        """Ids of this run in MLflow, for the record beside the results; empty without a mirror."""
        return self._mirror.identity() if self._mirror else {}

    @property
    def seconds_before(self) -> float:
        """Time that this run was at work in processes before this one."""
        return self._journal.seconds_before

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Report one step: one line in the journal, one request to the mirror.

        What a resumed stage reports again is left out: the first report counts.
        """
        known = self._journal.points
        fresh = {name: float(v) for name, v in values.items() if (name, step) not in known}
        if fresh:
            self._journal.append("metrics", step=step, values=fresh)
            self._update()

    def artifact(self, path: Path | str, form: str = "file") -> None:
        """Report a product: a file, a `table` (CSV) or a `model` (a `model.pt`)."""
        self._journal.append_artifact(path, form)
        if form == "model" and self._prepare and not self._lost:
            # Before the deadline runs: it bounds what a store takes, and this needs none.
            self._prepare(self._journal.artifacts[-1][0])
        self._update()

    def end(self, status: str) -> None:
        """End as FINISHED or FAILED; a store that was lost is tried once more."""
        self._journal.append("end", status=status)
        self._update(last=True)

    def _update(self, last: bool = False) -> None:
        if self._make_mirror is None or (self._lost and not last):
            return
        try:
            self._deadline.call(self._send)
        except Exception as error:  # whatever a store may raise: it must not end a training
            if not self._lost:
                warn(error)
            # Sent or not is unknown now, so the next mirror is a new one, which asks the store.
            self._lost, self._mirror = True, None

    def _send(self) -> None:
        assert self._make_mirror is not None
        mirror = self._mirror or self._make_mirror()
        self._mirror = mirror
        mirror.update()


def patience() -> float:
    """Seconds that a stage waits for the mirror to take one report."""
    return float(os.environ.get("SHAPLEY_NAS_TRACKING_SECONDS", "60"))


@contextlib.contextmanager
def sigterm_raises() -> Iterator[None]:
    """Turn SIGTERM, which ends a process silently, into SystemExit (main thread only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def first_line(error: Exception) -> str:
    """An error in one line of a message, without the secrets that an address may hold."""
    line = str(error).splitlines()[0] if str(error) else ""
    line = re.sub(r"(?<=://)[^/@\s]+@", "***@", line)
    for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD"):
        if secret := os.environ.get(name):
            line = line.replace(secret, "***")
    return f"{type(error).__name__}: {line[:160]}"


def warn(error: Exception) -> None:
    """Say that the mirror is lost."""
    logger.warning(
        "MLflow is not recording (%s); nothing is lost: `python -m pipeline sync` sends it later",
        first_line(error),
    )


@contextlib.contextmanager
def store_errors_warn() -> Iterator[None]:
    """Whatever a store raises (each kind has its own errors), it must not stop a workflow."""
    try:
        yield
    except Exception as error:
        warn(error)
