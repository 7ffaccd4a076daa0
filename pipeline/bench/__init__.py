"""Timings of what is fast here against its plain, tested form: both sides in one run, interleaved.

Machines are shared, so a row is a ratio of medians and never a time to rely on. A file here is one
benchmark: a function `rows(repeats)` and a name below.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

NAMES = ("supernet", "shapley", "games", "strategies", "table", "train")


def rows(name: str, repeats: int = 7) -> list[dict[str, Any]]:
    """The rows of a benchmark: name, baseline_s, ours_s, ratio (baseline over ours), and its own.

    Raises:
        InputError: data that it needs are not there.
    """
    module = import_module(f"pipeline.bench.{name}")
    found: list[dict[str, Any]] = module.rows(repeats)
    return found
