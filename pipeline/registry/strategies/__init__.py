"""The search strategies, by family: settings and one entry each.

`docs/add-a-strategy.md` shows how to add one. A strategy of another package registers itself
when its entry point is loaded.
"""

from __future__ import annotations

from pipeline.registry import add, plugins
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
plugins.load()
