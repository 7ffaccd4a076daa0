"""Progress bars for a terminal; silent where standard error is a file."""
# Tested in tests/verbs/test_verbs.py.

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Sequence[Item], title: str) -> Iterable[Item]:
    """Iterate under a bar on stderr if that is a terminal."""
    if not sys.stderr.isatty():
        return items
    from rich.console import Console  # where there is no terminal, nothing of it is needed
    from rich.progress import track

    return track(items, description=title, console=Console(stderr=True))
