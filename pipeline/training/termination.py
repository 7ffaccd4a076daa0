"""SIGTERM, by which a cluster takes a machine back: the step at work is ended, then saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 128 + signal.SIGTERM


@contextmanager
def noted() -> Iterator[Callable[[], bool]]:
    """Within the block SIGTERM is only noted; yields whether it has come.

    Further ones change nothing: torchrun passes on a signal that its ranks may have had already.
    In a thread, which cannot have a handler, nothing is noted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    came = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        came.set()

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
