"""Removes the operations that contribute least, by accuracies from the table of NAS-Bench-201.

This is our strategy `shrinking` with accuracies from the table. First some random architectures are
looked up. Then operations are removed one at a time (`remaining.py`). Between removals, more of the
remaining architectures are looked up. The last look-up is that of the remaining cell.
"""
# Tested in tests/nasbench/test_shrinking.py.

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.strategies.contributions import Evaluated
from pipeline.strategies.remaining import Remaining
from pipeline.strategies.table_search import Architecture, TableSearch

TRIES = 100


class LookupShrinking(TableSearch):
    """Removes operations one at a time."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        none_may_win = self.search.supernet.none_may_win
        self._remaining = Remaining(self.space, none_may_win, self.seed)

    def ask(self, rng: np.random.Generator) -> Architecture:
        """A remaining architecture, if possible one that has not been looked up."""
        while self._remaining.next <= self._due(len(self.values)):
            self._remaining.remove(self._known())
        drawn = self._draw(rng)
        for _ in range(TRIES):
            if drawn not in self.asked:
                break
            drawn = self._draw(rng)
        return drawn

    def _due(self, n: int) -> int:
        """Number of removals before look-up `n` (counted from 0); none follows the last look-up."""
        first, last = self.settings.start * self.settings.evaluations, self.settings.evaluations - 1
        steps = np.linspace(first, max(first, last), self._remaining.n_removals)
        return int((steps <= n).sum()) if n else 0

    def _known(self) -> Evaluated:
        players = np.arange(self.space.n_edges) * self.space.n_operations + np.array(self.asked)
        return Evaluated(players, np.array(self.values), np.zeros(len(players), dtype=np.int64))

    def _draw(self, rng: np.random.Generator) -> Architecture:
        return tuple(player % self.space.n_operations for player in self._remaining.draw(rng))
