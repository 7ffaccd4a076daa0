r"""The table of NAS-Bench-201 as a game among operations, solved exactly.

The players are those of the supernet's game: four operations on each of the six edges. Let S_e be
the operations of coalition S on edge e, or {none} if S has no operation there. Then

    V(S) = mean accuracy of the architectures that have an operation of S_e on every edge e

The value φ_p of player p follows exactly from V of all 2^24 coalitions:

    φ_p = Σ_S w_s / C(23, s) (V(S ∪ {p}) - V(S))    over all coalitions S without p, s = |S|

The weights w_s of the 24 sizes sum to 1. w_s = 1/24 gives Shapley values; equal w_s / C(23, s) give
Banzhaf values.

    V    float64[16, 16, 16, 16, 16, 16], by the subset of operations on each edge (4 bits: 0..15)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from math import comb

import numpy as np
from numpy.typing import NDArray

from pipeline.nasbench.cells import EDGES, OPERATIONS

N_EDGES = len(EDGES)
REAL = len(OPERATIONS) - 1  # players on an edge; `none` is the first of its five operations
SUBSETS = 2**REAL
N_PLAYERS = N_EDGES * REAL
MEMBERS = (np.arange(SUBSETS)[:, None] >> np.arange(REAL)) & 1  # [subset, operation]
SIZES = MEMBERS.sum(axis=1)


@dataclass(frozen=True)
class TableGame:
    """The game of one column of the table."""

    accuracies: NDArray[np.float64]  # float64[5, 5, 5, 5, 5, 5], by the operation on each edge

    @classmethod
    def of(cls, codes: NDArray[np.uint8], column: NDArray[np.float64]) -> TableGame:
        """The game of a table's codes uint8[15625, 6] and one column float64[15625]."""
        accuracies = np.empty((len(OPERATIONS),) * N_EDGES)
        accuracies[tuple(codes.T)] = column
        return cls(accuracies)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """V of all coalitions, by the subset on each edge."""
        means = np.zeros((SUBSETS, len(OPERATIONS)))
        means[:, 1:] = MEMBERS / np.maximum(SIZES, 1)[:, None]
        means[0, 0] = 1.0  # an edge without operations is `none`
        values = self.accuracies
        for edge in range(N_EDGES):
            values = np.moveaxis(np.tensordot(means, values, (1, edge)), 0, edge)
        return np.ascontiguousarray(values)

    def __call__(self, coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        """V of coalitions bool[b, 24], players by edge and operation; for `pipeline.shapley`."""
        bits = coalitions.reshape(-1, N_EDGES, REAL) @ (1 << np.arange(REAL))
        return self.values[tuple(bits.T)]

    @cached_property
    def marginals(self) -> NDArray[np.float64]:
        """Mean of V(S ∪ {p}) - V(S) over S without p, by p and the size of S; float64[24, 24]."""
        # Members of each coalition on the other edges.
        others = reduce(np.add.outer, [SIZES] * (N_EDGES - 1)).ravel()
        totals = np.empty((N_EDGES, REAL, N_PLAYERS))
        for edge in range(N_EDGES):
            rest = np.moveaxis(self.values, edge, 0).reshape(SUBSETS, -1)
            by_size = np.stack(
                [np.bincount(others, weights=row, minlength=N_PLAYERS) for row in rest]
            )
            for operation in range(REAL):
                without = np.flatnonzero(MEMBERS[:, operation] == 0)
                gain = by_size[without + (1 << operation)] - by_size[without]
                total = np.zeros(N_PLAYERS)
                for subset, row in zip(without, gain, strict=True):
                    total[SIZES[subset] :] += row[: N_PLAYERS - SIZES[subset]]
                totals[edge, operation] = total
        counts = np.array([comb(N_PLAYERS - 1, size) for size in range(N_PLAYERS)])
        return totals.reshape(N_PLAYERS, N_PLAYERS) / counts

    def semivalues(self, weight: Callable[[int], float] = lambda size: 1.0) -> NDArray[np.float64]:
        """φ float64[24] for relative weights of the sizes 0..23; equal weights: Shapley values."""
        weights = np.array([weight(size) for size in range(N_PLAYERS)], dtype=float)
        phi: NDArray[np.float64] = self.marginals @ (weights / weights.sum())
        return phi


def banzhaf_weight(size: int) -> float:
    """Banzhaf weight of a size: the number of coalitions of this size without p."""
    return float(comb(N_PLAYERS - 1, size))


def with_none(phi: NDArray[np.float64]) -> NDArray[np.float64]:
    """φ float64[24] as float64[6, 5], by edge and operation, with zeros for `none`."""
    strength = np.zeros((N_EDGES, len(OPERATIONS)))
    strength[:, 1:] = phi.reshape(N_EDGES, REAL)
    return strength
