"""A call that is waited for so long and no longer."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Deadline:
    """Calls in a thread of their own, one at a time, each waited for `seconds` at most.

    Time limits of a request do not bound a call: a server that sends a byte now and then, a
    database that another process has locked, a network disk that is gone all wait for ever.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._thread: threading.Thread | None = None

    def call(self, function: Callable[[], object]) -> None:
        """Call it and return when it has, or raise what it raised.

        Raises:
            TimeoutError: it goes on, or an earlier call still does; then this one is not made,
                since two at once might send the same thing twice.
        """
        self._wait()
        raised: list[BaseException] = []

        def work() -> None:
            try:
                function()
            except BaseException as error:
                raised.append(error)

        # A daemon: the process does not wait for it at its end.
        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()
        self._wait()
        if raised:
            raise raised[0]

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join(self.seconds)
            if self._thread.is_alive():
                raise TimeoutError(f"no answer in {self.seconds:g} s")
            self._thread = None
