"""How well values agree: with a reference, and with the accuracies of the NAS-Bench-201 table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.nasbench import additive

if TYPE_CHECKING:
    from pipeline.nasbench.table import Table


def kendall(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Kendall's tau-b of two arrays, over what both know; 0 where one of them ranks nothing."""
    known = ~(np.isnan(a) | np.isnan(b))
    return additive.kendall(a[known], b[known]) if known.sum() > 1 else 0.0


def edges_of(phi: NDArray[np.float64]) -> NDArray[np.int64]:
    """Edge of each player of NAS-Bench-201 that plays: four operations an edge."""
    return np.arange(len(phi)) // (len(phi) // 6)


def with_reference(
    phi: NDArray[np.float64], reference: NDArray[np.float64], edges: NDArray[np.int64]
) -> dict[str, float]:
    """Kendall's tau, Pearson's r and the share of edges with the same winner.

    Args:
        phi: float64[n]; a player that is unknown gets the mean of the known.
        reference: float64[n].
        edges: int64[n].
    """
    phi = np.where(np.isnan(phi), np.nanmean(phi), phi)
    winners = [
        np.argmax(phi[edges == edge]) == np.argmax(reference[edges == edge])
        for edge in np.unique(edges)
    ]
    r = float(np.corrcoef(phi, reference)[0, 1]) if phi.std() and reference.std() else 0.0
    return {"tau": kendall(phi, reference), "r": r, "winners": float(np.mean(winners))}


@dataclass(frozen=True)
class Ranking:
    """What a strength says of all architectures of the table.

    Attributes:
        column: accuracies of the table, percent.
        choices: int64[15625, edges], operation on each edge.
    """

    column: NDArray[np.float64]
    choices: NDArray[np.int64]

    @classmethod
    def of(cls, table: Table, column: str = "cifar10_test") -> Ranking:
        """The operations of all architectures, in the order of the table."""
        from pipeline.nasbench.table import CODE

        return cls(table.column(column), table.rows[CODE].astype(np.int64))

    def against(self, phi: NDArray[np.float64], players: NDArray[np.int64]) -> Mapping[str, float]:
        """Tau with the accuracy of the sum over edges, and the accuracy of the winners' cell.

        Args:
            phi: float64[n] of the players that play; unknown ones count as their mean.
            players: int64[n], their numbers in the space; the others are zero, as null players are.
        """
        n_edges = self.choices.shape[1]
        table = np.zeros(5 * n_edges)
        table[players] = np.where(np.isnan(phi), np.nanmean(phi), phi)
        table = table.reshape(n_edges, 5)
        strength = table[np.arange(n_edges), self.choices].sum(axis=1)
        selectable = np.zeros(5 * n_edges, dtype=bool)
        selectable[players] = True
        best = np.where(selectable.reshape(n_edges, 5), table, -np.inf).argmax(axis=1)
        found = int(np.flatnonzero((self.choices == best).all(axis=1))[0])
        return {
            "table_tau": kendall(strength, self.column),
            "found_accuracy": float(self.column[found]),
        }
