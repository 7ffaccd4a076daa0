"""What a person sees on stderr while work goes on: warnings, and bars where it is a terminal."""
# Tested in tests/verbs/test_verbs.py.

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def warn(message: str) -> None:
    """One line on stderr, which is a rule's log, whatever a library does to `logging`."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


def progress(items: Sequence[Item], title: str) -> Iterable[Item]:
    """Iterate under a bar on stderr if that is a terminal."""
    if not sys.stderr.isatty():
        return items
    from rich.console import Console  # where there is no terminal, nothing of it is needed
    from rich.progress import track

    return track(items, description=title, console=Console(stderr=True))
