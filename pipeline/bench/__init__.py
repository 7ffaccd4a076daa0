"""Times fast code against its plain, tested version; the two run in turns.

Other programs may use the machine, so rely on the ratio of the two medians and not on times. To add
a benchmark, write a file with a function `rows(repeats)` and add its name to the list below.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

NAMES = ("supernet", "shapley", "games", "search", "strategies", "table", "train", "update")


def rows(name: str, repeats: int = 7) -> list[dict[str, Any]]:
    """The rows of a benchmark: name, baseline_s, ours_s, ratio (baseline over ours), and more.

    Raises:
        InputError: data that the benchmark needs are missing.
    """
    module = import_module(f"pipeline.bench.{name}")
    found: list[dict[str, Any]] = module.rows(repeats)
    return found
