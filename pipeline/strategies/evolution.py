"""Regularised evolution, on the table of NAS-Bench-201.

Real, Aggarwal, Huang, Le, "Regularized evolution for image classifier architecture search"
(AAAI 2019), algorithm 1.

The population is a queue. Of S members drawn from it, with replacement, the best is the parent. The
child is its copy with another operation on one edge: first a node is drawn, then one of the node's
edges. The oldest member leaves. Both draws are those of the benchmark's code.
"""

from __future__ import annotations

import numpy as np

from pipeline.config.base import NB201, setting
from pipeline.registry import register
from pipeline.strategies.contract import Metadata
from pipeline.strategies.table_search import Architecture, TableSearch, TableSettings


class EvolutionSettings(TableSettings):
    """Sizes of the population and the tournament."""

    population: int = setting(10, "P, members", NB201, ge=1)
    tournament: int = setting(3, "S, members that compete to be the parent", NB201, ge=1)


@register("strategies", "evolution")
class Evolution(TableSearch):
    """Ageing evolution."""

    metadata = Metadata(
        name="evolution",
        title="Regularised evolution",
        paper="Real et al., AAAI 2019",
        trains_supernet=False,
        settings=EvolutionSettings,
        families=("nasbench201",),
        needs_table=True,
        chooses_cells=True,
    )

    def ask(self, rng: np.random.Generator) -> Architecture:
        """Random until the population is full, then a child of the best of S."""
        P, S = self.settings.population, self.settings.tournament
        n = len(self.values)
        if n < P:
            return self.random(rng)
        # The queue holds the last P that were told.
        members = n - P + rng.choice(P, size=S)
        parent = max(members, key=lambda member: self.values[member])
        return self.mutated(self.asked[parent], rng)

    def mutated(self, parent: Architecture, rng: np.random.Generator) -> Architecture:
        """A copy with another operation on one edge of a node."""
        node = rng.choice(self.space.nodes)
        edge, _ = self.space.incoming(node)[rng.integers(node)]
        others = [int(o) for o in self.allowed() if o != parent[edge]]
        return (*parent[:edge], others[rng.integers(len(others))], *parent[edge + 1 :])
