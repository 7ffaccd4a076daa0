"""The recorder: a single process that mirrors the journals of a workflow into MLflow.

It starts before the first job, reads all journals below `results/{preset}/state`, and exits soon
after the workflow has ended. Jobs never wait for it. Only the machine that runs snakemake needs
access to the tracking server.

    MLflow does not answer      one warning; retries until it answers or the workflow has ended
    MLflow refuses a run        one warning that names the remedy; all other runs are sent
    the recorder is killed      `track finish` starts another one
    a stage is killed           its run stays open until the stage resumes or the workflow ends
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from pipeline import journal as journals
from pipeline import locks, mirrored
from pipeline.journal import NAME
from pipeline.tracking import store
from pipeline.tracking.recorder import FIRST, LATER, NOT_RECORDING, Recorder, mirror_or_warn

TICK = 1.0  # seconds between two checks of the journals
LONGEST_PAUSE = 30.0  # seconds between two attempts if a store does not answer
CATCH_UP_SECONDS = 600.0  # time to send the rest when a workflow ends
ENDED = "the recorder has ended"  # last line of its log; missing if the recorder was killed
WHOLE = f"{ENDED}: all is sent"


def follow(state: Path) -> None:
    """Run the recorder of the workflow that owns a results folder."""
    owner = locks.workflow_owner(state)
    # The recorder of a killed workflow ends first.
    with locks.held(state / mirrored.NAME, math.inf):
        recorder = Recorder(state)
        away = mirror_or_warn(recorder, [state / NAME])
        with contextlib.suppress(BrokenPipeError):  # `start` has stopped waiting
            print("ready", flush=True)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads stdout from here on
        told, pause, next_try, end = bool(away), TICK, 0.0, math.inf
        while True:
            ended = not locks.alive(owner) or journals.read(state / NAME).status != "RUNNING"
            now = time.monotonic()
            if ended and end == math.inf:
                end = now + store.patience()
                recorder.until = now + CATCH_UP_SECONDS
            if ended or now >= next_try:
                away = mirror_or_warn(recorder, None, quiet=told)
                told = told or bool(away)
                took = time.monotonic() - now
                pause = min(2 * pause, LONGEST_PAUSE) if away else max(TICK, 10 * took)
                next_try = time.monotonic() + min(pause, LONGEST_PAUSE)
                if ended and (not away or time.monotonic() > end):
                    print(ENDED if away else WHOLE, file=sys.stderr)
                    return
            time.sleep(TICK)


def start(state: Path, append: bool = False) -> subprocess.Popen[bytes]:
    """Start the recorder; wait, within a time limit, until the workflow's run exists in MLflow.

    Args:
        state: `results/{preset}/state`; the workflow must hold the lock of this folder.
        append: whether to append to an existing log.
    """
    log = log_of(state)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a" if append else "w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.tracking.process", str(state)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            start_new_session=True,  # Ctrl-C is for the jobs; it ends after them
        )
    assert process.stdout is not None
    select.select([process.stdout], [], [], FIRST * store.patience())
    return process


def drain(state: Path) -> None:
    """Wait, within a time limit, until the recorder of an ended workflow has sent all events.

    If the recorder was killed, another one starts. Prints the warnings of the recorder's log again.
    """
    deadline = time.monotonic() + CATCH_UP_SECONDS + store.patience()
    log = log_of(state)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    successor: subprocess.Popen[bytes] | None = None
    while ENDED not in log.read_text(encoding="utf-8") and time.monotonic() < deadline:
        if successor is None and _is_free(state):
            successor = start(state, append=True)
        elif successor is not None and successor.poll() is not None:
            break
        time.sleep(locks.TICK)
    lines = log.read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if line.startswith("warning: ")]
    if WHOLE in lines:  # the store was silent only for a while
        told = [line for line in told if NOT_RECORDING not in line]
    elif not told:
        told = [f"warning: MLflow has not got all of this workflow; {LATER}"]
    for line in told:
        print(line, file=sys.stderr)


def log_of(state: Path) -> Path:
    """The recorder's log."""
    return state.parent / "logs" / "recorder.log"


def _is_free(state: Path) -> bool:
    with locks.held(state / mirrored.NAME, 0) as ours:
        return ours


if __name__ == "__main__":
    follow(Path(sys.argv[1]))
