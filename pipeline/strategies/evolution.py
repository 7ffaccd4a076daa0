"""Regularised evolution, on the table of NAS-Bench-201.

Real, Aggarwal, Huang, Le, "Regularized evolution for image classifier architecture search"
(AAAI 2019), algorithm 1.

In each step, S members of the population are drawn, and the best of them is the parent. Its child
has another operation on one edge and replaces the oldest member. As in the code of NAS-Bench-201,
members are drawn with replacement, and the edge is drawn among those into a drawn node.
"""
# Tested in tests/strategies/test_table_search.py.

from __future__ import annotations

import numpy as np

from pipeline.strategies.table_search import Architecture, TableSearch


class Evolution(TableSearch):
    """Evolution that removes the oldest member of the population."""

    def ask(self, rng: np.random.Generator) -> Architecture:
        """A random architecture, or a child of the best of S members if the population is full."""
        P, S = self.settings.population, self.settings.tournament
        n = len(self.values)
        if n < P:
            return self.random(rng)
        # The queue holds the last P architectures whose accuracy is known.
        members = n - P + rng.choice(P, size=S)
        parent = max(members, key=lambda member: self.values[member])
        return self.mutated(self.asked[parent], rng)

    def mutated(self, parent: Architecture, rng: np.random.Generator) -> Architecture:
        """A copy with another operation on one edge."""
        node = rng.choice(self.space.nodes)
        edge, _ = self.space.incoming(node)[rng.integers(node)]
        others = [int(o) for o in self.allowed() if o != parent[edge]]
        return (*parent[:edge], others[rng.integers(len(others))], *parent[edge + 1 :])
