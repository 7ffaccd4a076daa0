"""Mirrors the journals of a results folder to MLflow.

One process at a time mirrors a results folder. It locks `mlflow.jsonl`, which has a line for each
run that MLflow has received. If the store cannot accept a run now, the run is sent again later. If
the store refuses a run permanently, a message names the remedy, and all other runs are still sent.
"""
# Tested in tests/tracking/test_workflow.py.

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import journal as journals
from pipeline import locks, mirrored, paths
from pipeline.errors import InputError
from pipeline.journal import Journal
from pipeline.progress import warn
from pipeline.tracking import store
from pipeline.tracking.mirror import Mirror

if TYPE_CHECKING:
    from mlflow import MlflowClient


LATER = "nothing is lost: `python -m pipeline sync` sends it later"
NOT_RECORDING = "MLflow is not recording"
FIRST = 3  # times the time limit, for the first request, which may create or migrate a database

Seen = tuple[int, ...]  # identifies the state of a file


class Recorder:
    """Mirrors the journals of a results folder; the caller must lock `mlflow.jsonl`.

    Args:
        state: `results/{preset}/state`.
        seconds: time limit.
    """

    def __init__(self, state: Path, seconds: float = math.inf) -> None:
        self.until = time.monotonic() + seconds
        self.refused: list[str] = []
        self._state = state
        self._client: MlflowClient | None = None
        self._mirrors: dict[str, Mirror] = {}
        self._seen: dict[Path, Seen] = {}
        self._known = dict(mirrored.runs(state))
        self._parents: dict[str, str] = {}

    def mirror_all(self) -> int:
        """`mirror` all journals of the folder."""
        parents = sorted(self._state.glob("journal*.jsonl"))
        stages = [p for p in sorted(self._state.rglob("journal*.jsonl")) if p.parent != self._state]
        # Parents come first, since children refer to them, and again last, since they end last.
        known = [journal for journal in map(journals.read, parents) if journal.events]
        first = [journal.path for journal in known if journal.key not in self._parents]
        return self.mirror([*first, *stages, *parents])

    def mirror(self, paths: Sequence[Path]) -> int:
        """Send the new events of some journals to MLflow; return the number of updated runs.

        Raises:
            UnsentError: the store answers, but does not accept some of the runs.
            Exception: the store does not answer.
        """
        n_lacking, unsent = 0, []
        for path in paths:
            seen = self._look_at(path)  # read first, so that later changes are noticed
            journal = journals.read(path)
            if seen == self._seen.get(path) or not journal.events:
                continue
            try:
                n_lacking += self._bring_up(journal)
            except Exception as error:
                self._mirrors.pop(journal.key, None)
                why = store.refusal(error)
                if why is None:
                    if not self._answers():
                        raise
                    # Only this run is affected.
                    unsent.append(f"{path}: {store.first_line(error)}")
                    continue
                self._refuse(journal, why)
            self._seen[path] = seen
        if unsent:
            more = f" (and {len(unsent) - 1} more)" if unsent[1:] else ""
            raise store.UnsentError(f"{unsent[0]}{more}")
        return n_lacking

    def _answers(self) -> bool:
        """Whether the store answers other requests."""
        if self._client is None or store.fault():
            return False
        try:
            with self._time_limit():
                self._client.search_experiments(max_results=1)
        except Exception:
            return False
        return True

    def _bring_up(self, journal: Journal) -> bool:
        """Update one run from its journal; return whether it lacked anything."""
        known = journal.key in self._mirrors
        try:
            return self._update(journal)
        except Exception as error:
            self._mirrors.pop(journal.key, None)
            if not known or store.refusal(error) is None:
                raise
            return self._update(journal)  # its run was deleted in the meantime: retry

    def _update(self, journal: Journal) -> bool:
        mirror = self._mirrors.get(journal.key)
        if self._client is None:
            import_module("mlflow")  # takes seconds, which do not count
            with self._time_limit(FIRST):
                self._client = store.prepared()
        if mirror is None:
            with self._time_limit():
                mirror = Mirror(self._client, journal, self._state.parent)
            if mirror.complete:
                self._note(journal, mirror)
                return False
        mirror.prepare(journal)
        self._mirrors[journal.key] = mirror
        with self._time_limit():
            mirror.update(journal, self._parents.get(journal.workflow or ""))
            if journal.status != "RUNNING" and journal.path.parent == self._state:
                mirror.end_orphans()
        self._note(journal, mirror)
        return True

    def _time_limit(self, factor: float = 1) -> AbstractContextManager[None]:
        left = max(self.until - time.monotonic(), 0.001)
        return store.time_limit(min(left, factor * store.patience()))

    def _look_at(self, path: Path) -> Seen:
        """Inode, modification time and size of a run's journal, and of the study's file."""
        found: list[int] = []
        for file in (path, self._state.parent / paths.PLANNED):
            if file.exists():
                status = file.stat()
                found += [status.st_ino, status.st_mtime_ns, status.st_size]
        return tuple(found)

    def _note(self, journal: Journal, mirror: Mirror) -> None:
        """Record a run in `mlflow.jsonl`; drop its `Mirror` if it has finished."""
        assert mirror.run is not None
        info = mirror.run.info
        line = {
            "key": journal.key,
            "run_id": info.run_id,
            "experiment_id": info.experiment_id,
            "status": journal.status,
        }
        if self._known.get(journal.key) != line:
            self._known[journal.key] = line
            with (self._state / mirrored.NAME).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
        if journal.path.parent == self._state:
            self._parents[journal.key] = info.run_id
        if journal.status != "RUNNING":
            self._mirrors.pop(journal.key, None)

    def _refuse(self, journal: Journal, why: str) -> None:
        if why not in "".join(self.refused):  # a deleted experiment refuses all its runs
            self.refused.append(f"{journal.path}: MLflow refuses this run: {why}")
            warn(f"{self.refused[-1]}; all other runs are recorded")


def mirror_or_warn(recorder: Recorder, paths: Sequence[Path] | None, quiet: bool = False) -> bool:
    """Mirror new events. If some cannot be sent, return True, and warn unless `quiet`."""
    try:
        recorder.mirror_all() if paths is None else recorder.mirror(paths)
    except Exception as error:
        if not quiet:
            what = "MLflow lacks runs" if isinstance(error, store.UnsentError) else NOT_RECORDING
            why = store.fault() or store.first_line(error)
            warn(f"{what} ({why}); {LATER}")
        return True
    return False


def mirror_own() -> None:
    """Send to MLflow the journals of the stages that this process ran without a workflow.

    Nothing is sent while a recorder is running, because it mirrors the same journals. If the store
    takes too long, the remaining events are not sent.
    """
    done = [journal for journal in journals.BEGUN_HERE if journal.workflow is None]
    for journal in done if store.enabled() else []:
        assert journal.state is not None
        with locks.held(journal.state / mirrored.NAME, 0) as ours:
            if ours:
                mirror_or_warn(Recorder(journal.state, FIRST * store.patience()), [journal.path])


def sync(results: Path) -> int:
    """Send all unsent events of a results folder to MLflow; return the number of updated runs.

    Runs deleted in MLflow stay deleted. A preset whose recorder is running is skipped.

    Raises:
        InputError: the store cannot be reached, or it refuses some runs (all others are sent).
    """
    n_lacking, refused = 0, []
    for state in states_of(results):
        with locks.held(state / mirrored.NAME, 0) as ours:
            if not ours:
                warn(f"{state}: its workflow's recorder is at work and mirrors it")
                continue
            recorder = Recorder(state)
            try:
                n_lacking += recorder.mirror_all()
            except Exception as error:
                why = store.fault() or store.first_line(error)
                raise InputError(
                    f"MLFLOW_TRACKING_URI: {store.store_uri()}: not all could be sent ({why}); "
                    "start the server or name another one, then `sync` again"
                ) from error
            refused += recorder.refused
    if refused:
        raise InputError("; ".join(refused) + "; all other runs are recorded")
    return n_lacking


def complete(found: Sequence[Journal]) -> set[str]:
    """Keys of the journals that MLflow is known to have in full."""
    known: set[str] = set()
    if not found or not store.exists():
        return known
    try:
        client = store.connect()
        for journal in found:
            if Mirror(client, journal, journal.path.parent).complete:
                known.add(journal.key)
    except Exception as error:
        warn(f"MLflow was not asked ({store.first_line(error)})")
    return known


def states_of(results: Path) -> Iterator[Path]:
    """The `state` folders of all presets below a results folder."""
    found: list[Path] = []
    for path in sorted(results.rglob(paths.STATE)):
        if path.is_dir() and not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return iter(found)
