"""The description of a search strategy, known without creating it."""
# Tested in tests/contract/test_strategies.py.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.registry import Entry


@dataclass(frozen=True, kw_only=True)
class StrategyEntry(Entry):
    """The entry of a subclass of `pipeline.strategies.contract.Strategy`."""

    title: str  # as shown in tables
    paper: str  # where it was published
    trains_supernet: bool = True  # whether it needs a supernet and epochs
    # Image-forwards of an epoch that changes alpha, divided by the number of images for weights; a
    # backward pass counts as two. Work done once per epoch or search is not counted.
    passes: float = 6
    alone: str = ""  # why processes cannot share its search; empty: they can
    # Space -> changes that the strategy's paper makes to the space's search recipe
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # Space -> settings of the strategy's authors that differ from the defaults
    settings_in: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    families: tuple[str, ...] | None = None  # families of spaces that it searches; None: all
    needs_table: bool = False  # whether it looks accuracies up instead of training
    # Whether the search draws or decides operations before its end. If so, `none_may_win` affects
    # the whole search and not only the final choice.
    chooses_cells: bool = False

    def supports(self, family: str) -> bool:
        """Whether it searches spaces of this family (`Space.family`)."""
        return self.families is None or family in self.families
