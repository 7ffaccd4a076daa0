"""Local search, on the table of NAS-Bench-201.

White, Nolen, Savani, "Exploring the loss landscape in neural architecture search" (UAI 2021).

From a random architecture its neighbours (one edge with another operation) are evaluated in random
order, and the first that is better is the next. If none is better, a local optimum is found and the
search starts anew. So does the authors' code (naszilla).
"""
# Tested in tests/strategies/test_table_search.py.

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.strategies.table_search import Architecture, TableSearch


class LocalSearch(TableSearch):
    """Ascent by first improvement, with restarts."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._value = -np.inf  # of where the search stands
        self._waiting: list[Architecture] = []  # its neighbours that are still unknown

    def ask(self, rng: np.random.Generator) -> Architecture:
        """A random neighbour, or a random start."""
        if not self._waiting:
            self._value = -np.inf
            return self.random(rng)
        return self._waiting.pop(rng.integers(len(self._waiting)))

    def tell(self, architecture: Architecture, value: float) -> None:
        """Move to what is better."""
        if value > self._value:
            self._value, self._waiting = value, self.neighbours(architecture)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All architectures that differ on one edge and have not been evaluated."""
        seen = set(self.asked)
        near = [
            (*architecture[:edge], int(o), *architecture[edge + 1 :])
            for edge in range(len(architecture))
            for o in self.allowed()
        ]
        return [a for a in near if a not in seen and a != architecture]
