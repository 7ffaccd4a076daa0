"""Short stages of a workflow started out of one process that has torch and MLflow imported.

A stage of the demo computes for a second or a few, and importing what it needs takes four: torch,
its compiler (which torch's own optimizers load), MLflow. So a workflow whose configuration says
`warm: true` has one process that imports them once, and a stage is a fork of it: its own process,
with the command line, environment, folder and streams of the `python -m pipeline VERB` that asked
for it. That one stays as the job, hands on SIGTERM and SIGINT and ends with the stage's exit code.

    the client is killed       its stage is killed
    the warm process is killed its stages are killed, their clients fail; the next starts cold
    snakemake is killed        stages at work end first, as ever, then the warm process

Cold is every stage outside a workflow, in a SLURM job, with several threads (they must be set
before torch is imported), and wherever the warm process does not answer. Nothing of what a stage
writes says how it was started, but that Snakemake's benchmark sees the client's CPU time and memory
instead of the stage's. The code is that of the workflow's start, as its digest says.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

ADDRESS = "SHAPLEY_NAS_WARM"  # environment variable: socket of the workflow's warm process
VERBS = ("search", "genotype", "trial", "removal", "retrain", "transfer")  # those that need torch
SIGNALS = {signal.SIGTERM, signal.SIGINT}
LOST = 128 + signal.SIGKILL  # exit code of a client whose warm process is gone
TICK = 0.05  # seconds between looks for stages that have ended
PATIENCE = 10.0  # seconds for a client to say what it wants
HEAD = struct.Struct("!I")  # length of what follows
STREAMS = (0, 1, 2)
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


@dataclass(frozen=True)
class Request:
    """What a stage is started with."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    streams: tuple[int, ...]


def start(address: str, log: Path) -> subprocess.Popen[bytes]:
    """Start the warm process of this workflow; it ends when this process does.

    Args:
        address: of its socket; relative, since such names are short.
        log: what it has to say, which is nothing unless it fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    Path(address).unlink(missing_ok=True)
    with log.open("w", encoding="utf-8") as stream, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        Path(address).chmod(0o600)  # our user's only
        listener.listen(64)  # clients wait here from now on, while it imports
        numbers = (str(listener.fileno()), str(os.getpid()))
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.warm", address, *numbers],
            pass_fds=[listener.fileno()],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,  # Ctrl-C reaches stages by their clients only
        )


def hand_over(arguments: list[str]) -> int | None:
    """Let the warm process run a stage; its exit code, None where nothing was started.

    Args:
        arguments: of `python -m pipeline`.
    """
    address = os.environ.get(ADDRESS)
    one_thread = os.environ.get("OMP_NUM_THREADS") == "1"
    if not address or not one_thread or not arguments or arguments[0] not in VERBS:
        return None
    if "SLURM_JOB_ID" in os.environ:
        return None  # what a job may use is what SLURM gave it
    wanted = {"arguments": arguments, "environment": dict(os.environ), "folder": str(Path.cwd())}
    body = json.dumps(wanted).encode()
    with socket.socket(socket.AF_UNIX) as channel:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            channel.connect(address)
            socket.send_fds(channel, [HEAD.pack(len(body))], STREAMS)
            channel.sendall(body)
            pid = _number(channel)
            if pid is None:
                return None
            for number in SIGNALS:
                signal.signal(number, functools.partial(_hand_on, pid))
        except OSError:
            return None
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        code = _number(channel)
        return LOST if code is None else code


def _hand_on(pid: int, number: int, frame: FrameType | None) -> None:
    _send(pid, number)


def serve(address: str, number: int, controller: int) -> Request | None:
    """Fork a stage for each client while the controller lives.

    Args:
        address: of the socket, which is removed in the end.
        number: the socket's file descriptor; it listens already.
        controller: process of the workflow.

    Returns:
        In a fork, what it shall run; None in the warm process, once there is nobody to serve.
    """
    from pipeline import locks

    owner = locks.identity_of(controller)
    ours = Path(address).stat().st_ino
    with socket.socket(fileno=number) as listener, selectors.DefaultSelector() as selector:
        _import()
        selector.register(listener, selectors.EVENT_READ)
        stages: dict[int, socket.socket] = {}
        while stages or locks.alive(owner):
            for key, _ in selector.select(TICK):
                if key.fileobj is not listener:
                    selector.unregister(key.fileobj)
                    _send(key.data, signal.SIGKILL)  # the client is gone
                    continue
                channel, _ = listener.accept()
                request = _receive(channel)
                if request is None:
                    channel.close()
                    continue
                pid = os.fork()
                if pid == 0:
                    for open_one in (channel, *stages.values()):
                        open_one.close()
                    return request
                for stream in request.streams:
                    os.close(stream)
                stages[pid] = channel
                selector.register(channel, selectors.EVENT_READ, pid)
                _answer(channel, pid)
            _end(stages, selector)
    with contextlib.suppress(FileNotFoundError):
        # The next workflow may have put its own there while we waited for the last stages.
        if Path(address).stat().st_ino == ours:
            Path(address).unlink()
    return None


def become(request: Request) -> None:
    """Make this fork the process that its client would have been."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)
    for stream, own in zip(request.streams, STREAMS, strict=True):
        os.dup2(stream, own)
        os.close(stream)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv = ["pipeline", *request.arguments]


def _import() -> None:
    """All that a stage may need; nothing here starts a thread or looks at a GPU."""
    import matplotlib.figure  # noqa: F401
    import mlflow.pytorch
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    import torch._dynamo
    import torch.export  # noqa: F401

    from pipeline import cli, provenance, registry  # noqa: F401
    from pipeline.stages import genotype, removal, retrain, search, trial  # noqa: F401

    for kind in registry.SOURCES:
        registry.names(kind)
    provenance.code()  # of what is loaded now, whatever is edited while the workflow runs
    gc.collect()
    gc.freeze()  # a collection in a fork need not touch, and so copy, what all share


def _receive(channel: socket.socket) -> Request | None:
    """What a client asks for; None if it is gone or does not say it in time."""
    channel.settimeout(PATIENCE)
    streams: list[int] = []
    try:
        head, streams, _, _ = socket.recv_fds(channel, HEAD.size, len(STREAMS))
        body = _read(channel, HEAD.unpack(head)[0])
        channel.settimeout(None)
        return Request(**json.loads(body), streams=tuple(streams))
    except (OSError, struct.error, ValueError, TypeError):
        for stream in streams:
            os.close(stream)
        return None


def _end(stages: dict[int, socket.socket], selector: Any) -> None:
    """Tell the clients of stages that have ended with which exit code."""
    for pid in list(stages):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            channel = stages.pop(pid)
            _answer(channel, code if code >= 0 else 128 - code)  # as a shell says it
            with contextlib.suppress(KeyError):
                selector.unregister(channel)
            channel.close()


def _answer(channel: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # the client is gone
        channel.sendall(HEAD.pack(number))


def _number(channel: socket.socket) -> int | None:
    """A number that the warm process sends; None if it is gone."""
    with contextlib.suppress(OSError, struct.error):
        number: int = HEAD.unpack(_read(channel, HEAD.size))[0]
        return number
    return None


def _read(channel: socket.socket, size: int) -> bytes:
    """So many bytes, fewer at the end of the stream."""
    content = b""
    while len(content) < size and (more := channel.recv(size - len(content))):
        content += more
    return content


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    asked = serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    if asked is not None:
        become(asked)
        from pipeline import cli

        cli.main()
