"""Timings of fast code against its plain, tested form; the two run in turns.

Machines are shared, so rely on a row's ratio of medians and not on its times. A benchmark is a file
with a function `rows(repeats)`, and its name is in the list below.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

NAMES = ("supernet", "shapley", "games", "search", "strategies", "table", "train")


def rows(name: str, repeats: int = 7) -> list[dict[str, Any]]:
    """The rows of a benchmark: name, baseline_s, ours_s, ratio (baseline over ours), and more.

    Raises:
        InputError: data that it needs are missing.
    """
    module = import_module(f"pipeline.bench.{name}")
    found: list[dict[str, Any]] = module.rows(repeats)
    return found
