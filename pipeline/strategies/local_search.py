"""Local search, on the table of NAS-Bench-201.

White, Nolen, Savani, "Exploring the loss landscape in neural architecture search" (UAI 2021).

From a random architecture all neighbours (one edge with another operation) are evaluated; the best
of them, if better, is the next; otherwise a local optimum is found and it starts anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.registry import register
from pipeline.strategies.contract import Metadata
from pipeline.strategies.table_search import Architecture, TableSearch, TableSettings


@register("strategies", "local_search")
class LocalSearch(TableSearch):
    """Steepest ascent with restarts."""

    metadata = Metadata(
        name="local_search",
        title="Local search",
        paper="White et al., UAI 2021",
        trains_supernet=False,
        settings=TableSettings,
        families=("nasbench201",),
        needs_table=True,
        chooses_cells=True,
    )

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._current: tuple[float, Architecture] | None = None
        self._best: tuple[float, Architecture] | None = None  # of the neighbours so far
        self._waiting: list[Architecture] = []

    def ask(self, rng: np.random.Generator) -> Architecture:
        """The next neighbour, or a random start."""
        return self._waiting.pop(0) if self._waiting else self.random(rng)

    def tell(self, architecture: Architecture, value: float) -> None:
        """Note the best neighbour; when all are known, move there or give up."""
        if self._current is None:
            self._move(value, architecture)
            return
        if self._best is None or value > self._best[0]:
            self._best = value, architecture
        if not self._waiting:
            if self._best[0] > self._current[0]:
                self._move(*self._best)
            else:
                self._current = None

    def _move(self, value: float, architecture: Architecture) -> None:
        self._current, self._best = (value, architecture), None
        self._waiting = self.neighbours(architecture)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All architectures that differ on one edge and have not been evaluated."""
        seen = set(self.asked)
        near = [
            (*architecture[:edge], int(o), *architecture[edge + 1 :])
            for edge in range(len(architecture))
            for o in self.allowed()
        ]
        return [a for a in near if a not in seen and a != architecture]
