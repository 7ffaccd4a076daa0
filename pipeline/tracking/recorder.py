"""The recorder: the one process of a workflow that mirrors its journals into MLflow.

It starts before the first job and follows all journals below `results/{preset}/state` while jobs
write them. It ends with the workflow: when the workflow's own journal has its end, or the process
of snakemake is gone, it sends what is left in a bounded time. Jobs never wait for it, and only the
machine that runs snakemake needs a way to the tracking server.

    the store does not answer   one warning; tried again until it does or the workflow has ended
    it refuses a run for good   one warning that names the remedy; all other runs go on
    the recorder is killed      `track finish` starts another one
    a stage is killed           its run stays open until it goes on or the workflow ends

What MLflow still lacks then, `sync` sends. Only one process at a time mirrors a results folder: it
holds `mlflow.jsonl` locked, and adds a line to it for each run that MLflow has got.
"""

from __future__ import annotations

import json
import logging
import math
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import journal as journals
from pipeline import locks
from pipeline.errors import InputError
from pipeline.journal import MIRRORED, NAME, Journal
from pipeline.tracking import store, tables
from pipeline.tracking.mirror import Mirror

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

LATER = "nothing is lost: `python -m pipeline sync` sends it later"
TICK = 1.0  # seconds between two looks at the journals
FIRST = 3  # times the patience for the first contact, which may make or migrate a database
LONGEST_PAUSE = 30.0  # seconds between two tries of a store that does not answer
CATCH_UP_SECONDS = 600.0  # for all that is left when a workflow ends

Seen = tuple[int, ...]  # what tells one state of a file from another


class Recorder:
    """Mirrors the journals of one results folder; whoever makes one holds the folder's lock.

    Args:
        state: `results/{preset}/state`.
        seconds: After which no more is sent.
    """

    def __init__(self, state: Path, seconds: float = math.inf) -> None:
        self.until = time.monotonic() + seconds
        self.refused: list[str] = []
        self._state = state
        self._client: MlflowClient | None = None
        self._mirrors: dict[str, Mirror] = {}
        self._seen: dict[Path, Seen] = {}
        self._known = dict(journals.mirrored(state))
        self._parents: dict[str, str] = {}

    def mirror_all(self) -> int:
        """Mirror what is new in all journals of the folder; see `mirror`."""
        parents = sorted(self._state.glob("journal*.jsonl"))
        stages = [p for p in sorted(self._state.rglob("journal*.jsonl")) if p.parent != self._state]
        # Parents come first, since children name them, and last, since their end is the last word.
        new = [path for path in parents if journals.read(path).key not in self._parents]
        return self.mirror([*new, *stages, *parents])

    def mirror(self, paths: Sequence[Path]) -> int:
        """Mirror what is new in some journals; return how many runs the store did not have whole.

        Raises:
            Exception: The store does not answer; each kind has its own errors.
        """
        n_lacking = 0
        for path in paths:
            seen = self._look_at(path)  # before the file is read: what comes later is seen later
            journal = journals.read(path)
            if seen == self._seen.get(path) or not journal.events:
                continue
            try:
                n_lacking += self._bring_up(journal)
            except Exception as error:
                why = store.refusal(error)
                if why is None:
                    self._mirrors.pop(journal.key, None)
                    raise
                self._refuse(journal, why)
            self._seen[path] = seen
        return n_lacking

    def _bring_up(self, journal: Journal) -> bool:
        """Bring one run up to its journal; whether it lacked anything."""
        known = journal.key in self._mirrors
        try:
            return self._update(journal)
        except Exception as error:
            self._mirrors.pop(journal.key, None)
            if not known or store.refusal(error) is None:
                raise
            return self._update(journal)  # its run was deleted meanwhile: ask again

    def _update(self, journal: Journal) -> bool:
        mirror = self._mirrors.get(journal.key)
        if self._client is None:
            with self._time_limit(FIRST):
                self._client = store.prepared()
        if mirror is None:
            with self._time_limit():
                mirror = Mirror(self._client, journal)
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
        """The study counts too, since it says which tables a run serves."""
        found: list[int] = []
        for file in (path, self._state / tables.STUDY):
            if file.exists():
                status = file.stat()
                found += [status.st_ino, status.st_mtime_ns, status.st_size]
        return tuple(found)

    def _note(self, journal: Journal, mirror: Mirror) -> None:
        """Remember which run a journal has, and forget the mirror of one that has ended."""
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
            with (self._state / MIRRORED).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
        if journal.path.parent == self._state:
            self._parents[journal.key] = info.run_id
        if journal.status != "RUNNING":
            self._mirrors.pop(journal.key, None)

    def _refuse(self, journal: Journal, why: str) -> None:
        self._mirrors.pop(journal.key, None)
        if why not in "".join(self.refused):  # a deleted experiment refuses all its runs
            self.refused.append(f"{journal.path}: MLflow refuses this run: {why}")
            logger.warning("%s; %s", self.refused[-1], "all other runs are recorded")


def follow(state: Path) -> None:
    """Be the recorder of the workflow that has taken a results folder, until it ends."""
    owner = locks.workflow_owner(state)
    with locks.held(state / MIRRORED, math.inf):  # the one of a killed workflow ends first
        recorder = Recorder(state)
        away = _try(recorder, [state / NAME])
        print(json.dumps({"ready": not away}), flush=True)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads it from here on
        told, pause, next_try, end = bool(away), TICK, 0.0, math.inf
        while True:
            ended = not locks.alive(owner) or journals.read(state / NAME).status != "RUNNING"
            now = time.monotonic()
            if ended and end == math.inf:
                end = now + store.patience()
                recorder.until = now + CATCH_UP_SECONDS
            if ended or now >= next_try:
                away = _try(recorder, None, quiet=told)
                told = told or bool(away)
                took = time.monotonic() - now
                pause = min(2 * pause, LONGEST_PAUSE) if away else max(TICK, 10 * took)
                next_try = time.monotonic() + min(pause, LONGEST_PAUSE)
                if ended and (not away or time.monotonic() > end):
                    return
            time.sleep(TICK)


def _try(recorder: Recorder, paths: Sequence[Path] | None, quiet: bool = False) -> bool:
    """Mirror what is new; whether the store does not answer, which is told once."""
    try:
        recorder.mirror_all() if paths is None else recorder.mirror(paths)
    except Exception as error:
        if not quiet:
            logger.warning("MLflow is not recording (%s); %s", store.first_line(error), LATER)
        return True
    return False


def start(state: Path, append: bool = False) -> subprocess.Popen[bytes]:
    """Start the recorder of a workflow and wait, in a bounded time, until the parent run is there.

    Args:
        state: `results/{preset}/state`, taken by the workflow.
        append: Whether its log goes on.
    """
    log = log_of(state)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a" if append else "w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.tracking.recorder", str(state)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            start_new_session=True,  # Ctrl-C is for the jobs; it ends after them
        )
    assert process.stdout is not None
    select.select([process.stdout], [], [], FIRST * store.patience())
    return process


def drain(state: Path, parent: Journal) -> None:
    """Wait, in a bounded time, until the recorder of a workflow that has ended has sent the rest.

    One that was killed is replaced.
    """
    deadline = time.monotonic() + CATCH_UP_SECONDS + store.patience()
    successor = start(state, append=True) if _is_free(state) else None
    while time.monotonic() < deadline:
        if successor.poll() is not None if successor else _is_free(state):
            break
        time.sleep(locks.TICK)
    lines = log_of(state).read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if line.startswith("warning: ")]
    if journals.mirrored(state).get(parent.key, {}).get("status") != parent.status and not told:
        told = [f"warning: MLflow has not got all of this workflow; {LATER}"]
    for line in told:
        print(line, file=sys.stderr)


def log_of(state: Path) -> Path:
    """What the recorder has to say."""
    return state.parent / "logs" / "recorder.log"


def _is_free(state: Path) -> bool:
    with locks.held(state / MIRRORED, 0) as ours:
        return ours


def mirror_own() -> None:
    """Mirror what this process's stages have done by hand, in a bounded time.

    Where a recorder is at work, it does so.
    """
    done = [journal for journal in journals.OWN if journal.workflow is None]
    for journal in done if store.enabled() else []:
        assert journal.state is not None
        with locks.held(journal.state / MIRRORED, 0) as ours:
            if ours:
                _try(Recorder(journal.state, FIRST * store.patience()), [journal.path])


def sync(results: Path) -> int:
    """Mirror all that MLflow lacks of a results folder; return the number of runs it lacked.

    Runs deleted in MLflow stay deleted. Where a recorder is at work, it does so.

    Raises:
        InputError: The store cannot be reached, or refuses some runs; the others are sent.
    """
    n_lacking, refused = 0, []
    for state in states_of(results):
        with locks.held(state / MIRRORED, 0) as ours:
            if not ours:
                logger.warning("%s: its workflow's recorder is at work and mirrors it", state)
                continue
            recorder = Recorder(state)
            try:
                n_lacking += recorder.mirror_all()
            except Exception as error:
                raise InputError(
                    f"MLFLOW_TRACKING_URI: the store cannot be written ({store.first_line(error)});"
                    " start the server or name another one"
                ) from error
            refused += recorder.refused
    if refused:
        raise InputError("; ".join(refused) + "; all other runs are recorded")
    return n_lacking


def complete(found: Sequence[Journal]) -> set[str]:
    """Keys of the journals that MLflow has all of; none where it does not answer."""
    known: set[str] = set()
    if not found or not store.exists():
        return known
    try:
        client = store.connect()
        for journal in found:
            if Mirror(client, journal).complete:
                known.add(journal.key)
    except Exception as error:
        logger.warning("MLflow was not asked (%s)", store.first_line(error))
    return known


def states_of(results: Path) -> Iterator[Path]:
    """The `state` folders of a results folder that holds one preset or several."""
    found: list[Path] = []
    for path in sorted(results.rglob("state")):
        if path.is_dir() and not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return iter(found)


if __name__ == "__main__":
    logging.basicConfig(format="warning: %(message)s")
    follow(Path(sys.argv[1]))
