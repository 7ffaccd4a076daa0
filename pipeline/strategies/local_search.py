"""Local search, on the table of NAS-Bench-201.

White, Nolen, Savani, "Exploring the loss landscape in neural architecture search" (UAI 2021).

An ascent starts at the best of `starts` random architectures. Neighbours differ in the operation on
one edge. They are evaluated in random order, and the ascent moves to the first better one. If none
is better, another ascent begins. No architecture is evaluated twice. This follows the authors' code
(naszilla).
"""
# Tested in tests/strategies/test_table_search.py.

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.strategies.table_search import Architecture, TableSearch


class LocalSearch(TableSearch):
    """Local search."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._starts: dict[Architecture, float] = {}  # random starts of the next ascent
        self._value: float | None = None  # accuracy of the current architecture
        self._waiting: list[Architecture] = []  # its neighbours not yet evaluated

    def ask(self, rng: np.random.Generator) -> Architecture:
        """A random neighbour, or one more random start."""
        if self._waiting:
            return self._waiting.pop(rng.integers(len(self._waiting)))
        self._value = None
        return self.unknown(rng)

    def tell(self, architecture: Architecture, value: float) -> None:
        """Begin an ascent at the best start, or move to a better architecture."""
        if self._value is None:
            self._starts[architecture] = value
            if len(self._starts) < self.settings.starts:
                return
            architecture = max(self._starts, key=self._starts.__getitem__)
            value = self._starts[architecture]
            self._starts = {}
        elif value <= self._value:
            return
        self._value, self._waiting = value, self.neighbours(architecture)

    def unknown(self, rng: np.random.Generator) -> Architecture:
        """A uniform draw from the architectures not yet evaluated, if any is left."""
        seen = set(self.asked)
        everything = len(seen) >= len(self.allowed()) ** self.space.n_edges
        while (drawn := self.random(rng)) in seen and not everything:
            pass
        return drawn

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """The architectures that differ on one edge and are not yet evaluated."""
        seen = set(self.asked)
        near = [
            (*architecture[:edge], int(o), *architecture[edge + 1 :])
            for edge in range(len(architecture))
            for o in self.allowed()
        ]
        return [a for a in near if a not in seen and a != architecture]
