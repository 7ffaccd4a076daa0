"""Stops a run early if it has diverged, or if the cluster sends SIGTERM to end the job."""
# Tested in tests/training/test_trainer.py.

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from torch import nn

from pipeline.errors import InputError

EXIT_CODE = 128 + signal.SIGTERM


def check_finite(loss: float, network: nn.Module, run: str, remedy: str) -> None:
    """Raise `InputError` if the loss or the weights are infinite or NaN.

    `run` names the run and its progress. `remedy` names the setting to change.
    """
    if math.isfinite(loss) and all(
        bool(torch.isfinite(value).all())
        for value in network.state_dict().values()
        if value.is_floating_point()
    ):
        return
    raise InputError(
        f"{run} diverged: {remedy}. The last checkpoint, from before, is kept; with other "
        "settings it is refused: delete it to start anew"
    )


@contextmanager
def terminations() -> Iterator[Callable[[], bool]]:
    """Catch SIGTERM within the block; yield a function that tells whether SIGTERM was received.

    SIGTERM does not end the process, so the current step can be finished and saved. Further
    SIGTERMs have no effect: torchrun may forward a signal that its ranks have already received.
    Outside the main thread, SIGTERM ends the process as usual.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    came = threading.Event()

    def take_note(number: int, frame: FrameType | None) -> None:
        came.set()

    before = signal.signal(signal.SIGTERM, take_note)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
