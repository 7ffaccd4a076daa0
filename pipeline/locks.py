"""Locks: one workflow at a time in a results folder, one stage at a time in a state folder.

A stage's lock (`flock`) ends with its process. A workflow's lock is a file that names its host and
process. If the process is dead, its lock is ignored. A process on another host counts as alive, so
you may have to delete the file by hand.
"""
# Tested in tests/test_faults.py.

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.files import write_json

WORKFLOW = "workflow.lock"
STAGE = "stage.lock"
GRACE = 30  # seconds that a leftover stage has to save and end
TICK = 0.1  # seconds between two attempts


def identity_of(pid: int) -> dict[str, Any]:
    """Host, pid and start time of a process. A pid alone may be reused."""
    return {"host": socket.gethostname(), "pid": pid, "started": _started(pid)}


def alive(owner: dict[str, Any]) -> bool:
    """Whether a process is alive; on another host, it is assumed to be."""
    if owner.get("host") != socket.gethostname():
        return True
    return owner.get("started") is not None and _started(owner["pid"]) == owner["started"]


def take_workflow(state: Path, controller: int) -> None:
    """Lock a results folder for the workflow whose Snakemake process has the pid `controller`.

    Raises:
        InputError: another workflow is running.
    """
    path = state / WORKFLOW
    owner, me = workflow_owner(state), identity_of(controller)
    if owner and owner != me and alive(owner):
        raise InputError(
            f"{path}: another workflow (process {owner['pid']} on {owner['host']}) is at work in "
            "these results; wait for it, or if it is dead delete this file"
        )
    write_json(path, me)


def workflow_owner(state: Path) -> dict[str, Any]:
    """The identity of the workflow that locks a results folder; empty if there is none."""
    return _read(state / WORKFLOW)


def owns_workflow(state: Path, controller: int) -> bool:
    """Whether this workflow owns a results folder."""
    return workflow_owner(state) == identity_of(controller)


def workflow_lives(state: Path) -> bool:
    """Whether a workflow is running in a results folder."""
    owner = workflow_owner(state)
    return bool(owner) and alive(owner)


def release_workflow(state: Path) -> None:
    """Release the results folder for the next workflow."""
    (state / WORKFLOW).unlink(missing_ok=True)


def lives_elsewhere(results: Path, state: Path) -> bool:
    """Whether a workflow of another preset is running."""
    others = (path.parent for path in results.glob(f"*/state/{WORKFLOW}") if path.parent != state)
    return any(workflow_lives(other) for other in others)


def controller() -> int | None:
    """Pid of the Snakemake process that started this one; None if started by hand or SLURM."""
    pid = os.environ.get("SHAPLEY_NAS_CONTROLLER")
    return int(pid) if pid and "SLURM_JOB_ID" not in os.environ else None


@contextlib.contextmanager
def held(path: Path, seconds: float) -> Iterator[bool]:
    """Lock a file during the block; yields False if no lock was obtained within `seconds`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with path.open("a", encoding="utf-8") as stream:
        while not (ours := _try(stream)) and time.monotonic() < deadline:
            time.sleep(TICK)
        yield ours


@contextlib.contextmanager
def stage(state: Path) -> Iterator[None]:
    """Lock a stage's state folder, after ending a process left by a killed workflow.

    Raises:
        InputError: another process runs the stage.
    """
    if os.environ.get("RANK", "0") != "0":
        yield  # other ranks of the same training
        return
    # Opened without truncation, since the file contains the owner.
    with (state / STAGE).open("a+", encoding="utf-8") as stream:
        _take(stream)
        stream.seek(0)
        stream.truncate()
        starter = controller()
        owners = {
            "stage": identity_of(os.getpid()),
            "controller": identity_of(starter) if starter else None,
        }
        json.dump(owners, stream)
        stream.flush()
        yield
    (state / STAGE).unlink(missing_ok=True)


def _take(stream: Any) -> None:
    """Lock an open file, after ending a stage of a dead workflow that has locked it."""
    deadline = time.monotonic() + GRACE
    told = False
    while not _try(stream):
        owner = _read(Path(stream.name))
        holder, starter = owner.get("stage"), owner.get("controller")
        late = time.monotonic() > deadline
        if holder and starter and not alive(starter):
            if not told or late:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(holder["pid"], signal.SIGKILL if late else signal.SIGTERM)
                told = True
        elif late or holder:
            who = f"process {holder['pid']} on {holder['host']}" if holder else "another process"
            raise InputError(f"{stream.name}: {who} is at work on this run; wait for it or end it")
        time.sleep(TICK)


def _try(stream: Any) -> bool:
    """Try to lock a file; False only if it is already locked, not if locks are unsupported."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _started(pid: int) -> int | None:
    """Clock ticks from boot to the start of a process; None if it is gone or a zombie."""
    try:
        # The second field is the command in parentheses, which may contain any character.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _read(path: Path) -> dict[str, Any]:
    """A lock's content; empty if it is missing or incomplete."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}
