"""Registers the search strategies; each module has the settings and entries of one family.

`docs/add-a-strategy.md` shows how to add one.
"""

from __future__ import annotations

from pipeline.registry import add
from pipeline.registry.strategies import gradient, progressive, sampling, shapley, table
from pipeline.registry.strategies.entry import StrategyEntry

__all__ = ["StrategyEntry"]

add(
    "strategies",
    *gradient.ENTRIES,
    *progressive.ENTRIES,
    *sampling.ENTRIES,
    *shapley.ENTRIES,
    *table.ENTRIES,
)
