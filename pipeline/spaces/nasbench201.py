"""The space of NAS-Bench-201 (Dong & Yang, ICLR 2020): one cell, six edges, five operations."""
# Tested in tests/spaces/test_genotype.py.

from __future__ import annotations

import numpy as np

from pipeline.config.recipes import SupernetSettings
from pipeline.spaces.genotype import Genotype
from pipeline.spaces.space import Space

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NODES = (1, 2, 3)
EDGES = tuple((node, source) for node in NODES for source in range(node))


class NasBench201Space(Space):
    """Spaces with NAS-Bench-201's cell."""

    family = "nasbench201"
    supernet_class = "pipeline.supernet.nasbench201:NasBench201Supernet"

    def genotype_from(self, strength: np.ndarray, none_may_win: bool = False) -> Genotype:
        """The strongest operation of each edge; the lower index wins ties."""
        best = self.table(strength, none_may_win)[0].argmax(axis=1)
        names = self.operations[0]
        cell = tuple(
            tuple((names[e][best[e]], source) for e, source in self.incoming(node))
            for node in self.nodes
        )
        return Genotype("nasbench201", {"cell": cell}, self.concat)

    def random_strength(self, rng: np.random.Generator, none_may_win: bool = False) -> np.ndarray:
        """Ones at a uniformly drawn operation of each edge, zeros elsewhere."""
        allowed = np.full(self.selectable().shape, True) if none_may_win else self.selectable()
        strength = np.zeros(allowed.shape)
        for edge, operations in enumerate(allowed[0]):
            strength[0, edge, rng.choice(np.flatnonzero(operations))] = 1.0
        return strength.ravel()


def nasbench201(settings: SupernetSettings) -> NasBench201Space:
    """The benchmark's space; without `include_none` each edge has four operations."""
    operations = OPERATIONS if settings.include_none else OPERATIONS[1:]
    return NasBench201Space(
        name="nasbench201",
        cell_types=("cell",),
        edges=EDGES,
        operations=((operations,) * len(EDGES),),
        n_inputs=1,
        concat=(3,),
    )
