"""The space of DARTS (Liu et al., ICLR 2019): two cell types, four nodes, seven operations.

Each node has an edge from each of the cell's two inputs and from each earlier node, so a cell has
14 edges. A genotype keeps two edges for each node, with one operation each.
"""
# Tested in tests/spaces/test_genotype.py.

from __future__ import annotations

import numpy as np

from pipeline.config.recipes import SupernetSettings
from pipeline.spaces.genotype import Cell, Genotype, Node
from pipeline.spaces.space import Space, softmax

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
CELL_TYPES = ("normal", "reduce")
NODES = (2, 3, 4, 5)
EDGES = tuple((node, source) for node in NODES for source in range(node))


class DartsSpace(Space):
    """Spaces with DARTS' cells and any operations."""

    family = "darts"
    kept_edges = 2
    supernet_class = "pipeline.supernet.darts:DartsSupernet"

    def genotype_from(self, strength: np.ndarray, none_may_win: bool = False) -> Genotype:
        """DARTS' discretisation: for each node the two edges with the strongest operations.

        Edges are compared by the softmax weight of their strongest operation except `none`; the
        stronger edge is listed first. `none` takes part in the softmax but is never selected, even
        if `none_may_win` is true. The lower index wins ties.
        """
        weights = np.where(self.selectable(), softmax(self.table(strength, True)), -np.inf)
        cells = {
            cell_type: self._strongest(names, table)
            for cell_type, names, table in zip(
                self.cell_types, self.operations, weights, strict=True
            )
        }
        return Genotype("darts", cells, self.concat)

    def _strongest(self, names: tuple[tuple[str, ...], ...], weights: np.ndarray) -> Cell:
        """The cell that softmax weights [edges, operations] select."""
        best, rank = weights.argmax(axis=1), weights.max(axis=1)
        nodes: list[Node] = []
        for node in self.nodes:
            # sorted() is stable, so the lower index wins ties.
            kept = sorted(self.incoming(node), key=lambda edge: -rank[edge[0]])[: self.kept_edges]
            nodes.append(tuple((names[e][best[e]], source) for e, source in kept))
        return tuple(nodes)

    def random_strength(self, rng: np.random.Generator, none_may_win: bool = False) -> np.ndarray:
        """Strength 1 for one random operation on each of two random edges per node, 0 elsewhere."""
        selectable = self.selectable()
        strength = np.zeros(selectable.shape)
        for t in range(len(self.cell_types)):
            for node in self.nodes:
                for e, _ in rng.choice(self.incoming(node), self.kept_edges, replace=False):
                    strength[t, e, rng.choice(np.flatnonzero(selectable[t, e]))] = 1.0
        return strength.ravel()


def darts_space(name: str, settings: SupernetSettings, stem: str = "cifar") -> DartsSpace:
    """A space with DARTS' operations on every edge; `none`, if a player, comes first."""
    operations = ("none", *OPERATIONS) if settings.include_none else OPERATIONS
    return DartsSpace(
        name=name,
        cell_types=CELL_TYPES,
        edges=EDGES,
        operations=((operations,) * len(EDGES),) * len(CELL_TYPES),
        n_inputs=2,
        concat=NODES,
        stem=stem,
    )


def darts(settings: SupernetSettings) -> DartsSpace:
    """The space for small images."""
    return darts_space("darts", settings)


def darts_imagenet(settings: SupernetSettings) -> DartsSpace:
    """The space for ImageNet: DARTS' cells behind a stem that divides height and width by 8."""
    return darts_space("darts_imagenet", settings, stem="imagenet")
