"""Progress bars for a terminal; silent where standard error is a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Sequence[Item], title: str) -> Iterable[Item]:
    """Iterate under a bar on stderr if that is a terminal."""
    if not sys.stderr.isatty():
        return items
    return _with_bar(items, title)


def _with_bar(items: Sequence[Item], title: str) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=title, console=Console(stderr=True))
