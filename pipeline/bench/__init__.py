"""Compares the speed of fast code with that of a plain version; their calls alternate.

Other programs may slow the machine down, so compare ratios of median times. To add a benchmark,
write a file with a function `rows(repeats)` and add its name to `NAMES`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

NAMES = ("supernet", "search", "strategies", "table", "train", "update")


def rows(name: str, repeats: int = 7) -> list[dict[str, Any]]:
    """The rows of a benchmark: name, baseline_s, ours_s, ratio (baseline over ours), and more.

    Raises:
        InputError: data that the benchmark needs are missing.
    """
    module = import_module(f"pipeline.bench.{name}")
    found: list[dict[str, Any]] = module.rows(repeats)
    return found
