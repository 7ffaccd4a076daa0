"""Output on stderr during work: warnings, and progress bars if stderr is a terminal."""
# Tested in tests/verbs/test_verbs.py.

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def warn(message: str) -> None:
    """Print one line on stderr. Libraries can silence `logging`, but not this function."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


def progress(items: Sequence[Item], title: str) -> Iterable[Item]:
    """Iterate with a progress bar on stderr if that is a terminal."""
    if not sys.stderr.isatty():
        return items
    from rich import console, progress  # not needed without a terminal

    return progress.track(items, description=title, console=console.Console(stderr=True))
