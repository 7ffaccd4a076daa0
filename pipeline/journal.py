"""The journal of a run: a file with one JSON event per line, complete without any other store.

Lines are only appended. Every event has a `time` in milliseconds. These are its other fields:

    start     key (identifies the run), stage, name, experiment, workflow, params, tags
    resume    workflow, tags; written when the run continues in another process
    metrics   step, values
    result    step, values; what a stage measured at its end
    artifact  path (relative to the journal's folder), form (file, table, model or report)
    end       status (FINISHED or FAILED); a workflow also has `note` (its result in Markdown)

`read` skips lines that are not valid events, for example an incomplete line after a kill.
"""
# Tested in tests/tracking/test_workflow.py.

from __future__ import annotations

import contextlib
import itertools
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import locks
from pipeline import provenance as origin
from pipeline.events import EVENT

NAME = "journal.jsonl"
CUT = 500  # characters of a parameter in journals of earlier versions
EXPERIMENT = "shapley-nas"  # of a stage that runs outside a workflow
CODE = ("source_digest", "code_behind")  # tags that say which code ran
EXPERIMENT_NAME = "SHAPLEY_NAS_EXPERIMENT"  # environment variable that replaces it
BEGUN_HERE: list[Journal] = []  # of the stages in this process


@dataclass(frozen=True)
class Journal:
    """One run's events, in memory and on disk."""

    path: Path
    events: list[dict[str, Any]]

    def append(self, event: str, **fields: Any) -> None:
        """Add one event, which is on disk when the function returns."""
        # Times never decrease, even if the clock is set back.
        before = self.events[-1]["time"] if self.events else 0
        record = {"event": event, "time": max(time.time_ns() // 1_000_000, before), **fields}
        # A name that is not valid UTF-8 would make the line unreadable.
        with self.path.open("a", encoding="utf-8", errors="replace") as stream:
            # The line break comes first, since the line before may be incomplete.
            stream.write("\n" + json.dumps(record, ensure_ascii=False))
            stream.flush()
            os.fsync(stream.fileno())
        self.events.append(record)

    def append_metrics(
        self, values: Mapping[str, float], step: int, event: str = "metrics"
    ) -> None:
        """Add the metrics of one step as "metrics" or "result", except those that are there."""
        known = self._points(event)
        fresh = {name: float(v) for name, v in values.items() if (name, step) not in known}
        if fresh:
            self.append(event, step=step, values=fresh)

    def append_artifact(self, path: Path | str, form: str = "file") -> None:
        """Add an artifact: a "file", "table" (CSV), "model" (`model.pt`) or "report" (HTML)."""
        self.append("artifact", path=os.path.relpath(path, self.path.parent), form=form)

    @property
    def start(self) -> dict[str, Any]:
        """The first event: key, stage, name, experiment, params."""
        return self.events[0]

    @property
    def key(self) -> str:
        """The run's identity in every store."""
        return self.start["key"]

    @property
    def workflow(self) -> str | None:
        """Key of the run's latest workflow; None outside workflows."""
        return self._latest("workflow")

    @property
    def tags(self) -> dict[str, str]:
        """Tags; the latest ones if the run was resumed."""
        return self._latest("tags")

    @property
    def earlier_code(self) -> list[dict[str, str]]:
        """Code versions (tags in `CODE`) of the run's earlier processes, without the last one's."""
        every = [
            {k: e["tags"][k] for k in CODE if k in e["tags"]} for e in self.events if "tags" in e
        ]
        return [code for n, code in enumerate(every) if code != every[-1] and code not in every[:n]]

    @property
    def state(self) -> Path | None:
        """`results/{preset}/state`; None if this is not the journal of a stage."""
        run = Path(self.tags.get("run", "")).parts
        return (
            self.path.parents[len(run)]
            if run and self.path.parts[-len(run) - 1 : -1] == run
            else None
        )

    @property
    def status(self) -> str:
        """The status of the `end` event; RUNNING if there is none."""
        return self.events[-1].get("status", "RUNNING")

    @property
    def note(self) -> str:
        """The result in words; empty if there is none."""
        return self.events[-1].get("note", "")

    @property
    def seconds_before(self) -> float:
        """Running time of earlier processes, each from its first to its last event."""
        starts = [i for i, e in enumerate(self.events) if e["event"] in ("start", "resume")]
        spans = itertools.pairwise(starts)
        return sum(self.events[b - 1]["time"] - self.events[a]["time"] for a, b in spans) / 1000

    @property
    def points(self) -> dict[tuple[str, int], tuple[float, int]]:
        """(metric, step) -> (value, time) of the metrics per epoch."""
        return self._points("metrics")

    @property
    def result(self) -> dict[tuple[str, int], tuple[float, int]]:
        """(metric, step) -> (value, time) of the metrics at the end of the stage."""
        return self._points("result")

    @property
    def artifacts(self) -> list[tuple[Path, str]]:
        """(path, form) of each artifact, possibly with repeats."""
        added = [event for event in self.events if event["event"] == "artifact"]
        return [(self.path.parent / event["path"], event["form"]) for event in added]

    def _points(self, kind: str) -> dict[tuple[str, int], tuple[float, int]]:
        return {
            (name, event["step"]): (value, event["time"])
            for event in self.events
            if event["event"] == kind
            for name, value in event["values"].items()
        }

    def _latest(self, field: str) -> Any:
        return next(event[field] for event in reversed(self.events) if field in event)


def read(path: Path) -> Journal:
    """The journal at `path`; without events if there is no file."""
    events = []
    for line in path.read_bytes().split(b"\n") if path.is_file() else []:
        with contextlib.suppress(ValueError):
            events.append(EVENT.validate_json(line).model_dump())
    # If a running stage loses its folder, its new journal has no start event.
    has_start = bool(events) and events[0].get("event") == "start"
    return Journal(path, events if has_start else [])


def read_all(folder: Path) -> list[Journal]:
    """All journals with a start event below a folder, sorted by path."""
    journals = (read(path) for path in sorted(folder.rglob("journal*.jsonl")))
    return [journal for journal in journals if journal.events]


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
    """Resume the run at `path`, or rename its journal and start a new run.

    A run that was killed or failed is resumed if `reopen` is true and the parameters are the same.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    journal = read(path)
    if journal.events:
        if reopen and journal.status != "FINISHED" and _are_same(journal.start["params"], params):
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


def _are_same(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether parameters did not change; a journal of an earlier version has long ones cut."""
    cut = {name: v if len(v) <= CUT else v[: CUT - 1] + "…" for name, v in now.items()}
    return before in (now, cut)


@contextlib.contextmanager
def recorded(
    path: Path,
    stage: str,
    name: str,
    workflow: Journal | None,
    params: Mapping[str, Any],
    tags: Mapping[str, str],
) -> Iterator[Journal]:
    """Context manager that keeps a stage's journal; `begin` says when a run is resumed.

    `workflow` is None if the stage was called by hand. `params` may be nested. Tags of the code and
    the packages are added to `tags`.
    """
    journal = begin(
        path,
        stage,
        f"{stage} · {name}",
        workflow.start["experiment"] if workflow else os.environ.get(EXPERIMENT_NAME, EXPERIMENT),
        workflow.key if workflow else None,
        origin.flatten(params),
        origin.tags(tags),
    )
    BEGUN_HERE.append(journal)
    try:
        yield journal
    except BaseException:
        journal.append("end", status="FAILED")
        raise
    journal.append("end", status="FINISHED")


def workflow_of(state: Path) -> Journal | None:
    """The journal of the workflow that runs in the folder `state`, if any."""
    journal = read(state / NAME)
    at_work = journal.events and journal.status == "RUNNING" and locks.workflow_lives(state)
    return journal if at_work else None
