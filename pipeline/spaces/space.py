"""A search space: the edges of its cells, their operations, and how a genotype is chosen.

A player of the Shapley game is an operation on an edge of a cell type. With E edges per cell and O
operations per edge, operation o on edge e of cell type t is player (t * E + e) * O + o. Arrays over
players have this order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipeline.spaces.genotype import Genotype


def softmax(alpha: np.ndarray, kept: np.ndarray | bool = True) -> np.ndarray:
    """Softmax over the last axis, the operations of an edge; operations outside `kept` get 0.

    Another order of the operations changes no bit of their weights.
    """
    weights = np.exp(alpha - alpha.max(axis=-1, keepdims=True)) * kept
    return np.asarray(weights / np.sort(weights, axis=-1).sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Player:
    """An operation on an edge; `edge` counts within the cell type."""

    cell_type: str
    edge: int
    operation: str


@dataclass(frozen=True)
class Space(ABC):
    """A search space; each family of spaces is a subclass."""

    family: ClassVar[str]  # of its discrete networks, "darts" or "nasbench201"
    kept_edges: ClassVar[int | None] = None  # edges into a node that a genotype keeps; None: all
    supernet_class: ClassVar[str]  # "module:Class", imported by `build_supernet`

    name: str  # as registered
    cell_types: tuple[str, ...]  # e.g. ("normal", "reduce")
    # (target state, source state) of each edge, the same in every cell type, ordered by target
    edges: tuple[tuple[int, int], ...]
    # [cell type][edge] -> names; all edges have the same number of operations
    operations: tuple[tuple[tuple[str, ...], ...], ...]
    n_inputs: int  # input states of a cell; its nodes are the states after them
    concat: tuple[int, ...]  # the states whose concatenation is the cell's output
    stem: str = "cifar"  # first layers, "cifar" or "imagenet"

    def __post_init__(self) -> None:
        counts = {len(names) for cell in self.operations for names in cell}
        shape = [len(cell) for cell in self.operations]
        if len(counts) != 1 or shape != [len(self.edges)] * len(self.cell_types):
            raise ValueError(f"{self.name}: every edge needs the same number of operations")

    @property
    def n_edges(self) -> int:
        """Number of edges over all cell types."""
        return len(self.cell_types) * len(self.edges)

    @property
    def n_operations(self) -> int:
        """Number of operations per edge."""
        return len(self.operations[0][0])

    @property
    def n_players(self) -> int:
        """Number of operations over all edges."""
        return self.n_edges * self.n_operations

    @property
    def players(self) -> tuple[Player, ...]:
        """All players in order."""
        return tuple(
            Player(cell_type, edge, operation)
            for cell_type, cell in zip(self.cell_types, self.operations, strict=True)
            for edge, names in enumerate(cell)
            for operation in names
        )

    @property
    def nodes(self) -> tuple[int, ...]:
        """The states that a cell computes."""
        return tuple(sorted({target for target, _ in self.edges}))

    def incoming(self, node: int) -> tuple[tuple[int, int], ...]:
        """(edge, source state) of the edges that end at a node."""
        return tuple((e, source) for e, (target, source) in enumerate(self.edges) if target == node)

    @abstractmethod
    def genotype_from(self, strength: np.ndarray, none_may_win: bool = False) -> Genotype:
        """The genotype for operation strengths [n_players], such as the final alpha.

        `none_may_win` says whether `none` may be chosen; the DARTS family never chooses it.
        """

    @abstractmethod
    def random_strength(self, rng: np.random.Generator, none_may_win: bool = False) -> np.ndarray:
        """A random strength [n_players]; its genotype is uniform over the possible genotypes."""

    def table(self, strength: np.ndarray, none_may_win: bool = False) -> np.ndarray:
        """Strengths [cell types, edges, operations]; `none` has -inf unless `none_may_win`.

        Raises:
            ValueError: wrong length, or a value is not finite.
        """
        values = np.array(strength, dtype=np.float64)
        if values.shape != (self.n_players,) or not np.isfinite(values).all():
            raise ValueError(f"{self.name}: strength must be {self.n_players} finite numbers")
        values = values.reshape(len(self.cell_types), len(self.edges), self.n_operations)
        return values if none_may_win else np.where(self.selectable(), values, -np.inf)

    def selectable(self) -> np.ndarray:
        """All players except `none`, as bool [cell types, edges, operations]."""
        return np.array(self.operations) != "none"
