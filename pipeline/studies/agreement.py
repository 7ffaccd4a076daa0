"""How well values of operations agree with a reference and with NAS-Bench-201 accuracies."""
# Tested in tests/studies/test_table.py.

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.intervals import summarise
from pipeline.nasbench import Table, additive
from pipeline.nasbench.game import N_EDGES, N_PLAYERS, with_none
from pipeline.nasbench.table import CODE

MEASURES = {"tau": (-1.0, 1.0), "r": (-1.0, 1.0), "winners": (0.0, 1.0)}  # least, largest
EDGES = np.arange(N_PLAYERS) // (N_PLAYERS // N_EDGES)  # edge of each player on NAS-Bench-201


def with_reference(
    phi: NDArray[np.float64], reference: NDArray[np.float64], edges: NDArray[np.int64] = EDGES
) -> dict[str, float]:
    """Agreement of two vectors: Kendall's tau, Pearson's r and `winners`.

    `winners` is the share of edges on which both vectors have the same best operation.

    The arguments have the shape [n]. NaN in `phi` becomes the mean of the other values.
    """
    phi = _whole(phi)
    winners = [
        np.argmax(phi[edges == edge]) == np.argmax(reference[edges == edge])
        for edge in np.unique(edges)
    ]
    r = float(np.corrcoef(phi, reference)[0, 1]) if phi.std() and reference.std() else 0.0
    tau = additive.kendall(phi, reference)
    return {"tau": tau, "r": r, "winners": float(np.mean(winners))}


def over_repeats(
    phis: Sequence[NDArray[np.float64]], reference: NDArray[np.float64]
) -> dict[str, dict[str, Any]]:
    """Agreement of several estimates with a reference, as a measurement."""
    found = [with_reference(phi, reference) for phi in phis]
    return {name: number(agreement[name] for agreement in found) for name in MEASURES}


def interval(measure: str, values: Iterable[float]) -> dict[str, float | None]:
    """Mean and 95 % t interval within the measure's range: `tau`, `tau_low`, `tau_high`."""
    over, (least, largest) = summarise(values), MEASURES[measure]
    low = None if over.low is None else max(over.low, least)
    high = None if over.high is None else min(over.high, largest)
    return {measure: over.mean, f"{measure}_low": low, f"{measure}_high": high}


def number(values: Iterable[float], decimals: int = 3) -> dict[str, Any]:
    """Mean, std, half width of the 95 % t interval, and n of several values."""
    over = summarise(values)
    numbers = {"mean": over.mean, "std": over.deviation, "half_width": over.half_width}
    rounded = {key: None if x is None else round(x, decimals) for key, x in numbers.items()}
    return {**rounded, "n": over.n}


@dataclass(frozen=True)
class Ranking:
    """The ranking that a strength gives all architectures of the table."""

    accuracies: NDArray[np.float64]  # of all architectures, percent, float64[15625]
    codes: NDArray[np.uint8]  # operation on each edge, uint8[15625, edges]

    @classmethod
    def of(cls, table: Table, column: str) -> Ranking:
        """The ranking by one column of the table."""
        return cls(table.column(column), np.asarray(table.rows[CODE]))

    def against(self, phi: NDArray[np.float64]) -> Mapping[str, float]:
        """How well phi ranks the cells of the table.

        Args:
            phi: float64[24], values of the players without `none`, whose value is zero; NaN becomes
                the mean of the other values.

        Returns:
            `table_tau`, Kendall's tau between a cell's accuracy and the sum of phi over its
            operations; `found_accuracy`, of the cell with the best operation on each edge.
        """
        strength = with_none(_whole(phi))
        best = 1 + strength[:, 1:].argmax(axis=1)
        chosen = int(np.flatnonzero((self.codes == best).all(axis=1))[0])
        tau = additive.kendall(additive.scores(self.codes, strength), self.accuracies)
        return {"table_tau": tau, "found_accuracy": float(self.accuracies[chosen])}


def _whole(phi: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(phi), np.nanmean(phi), phi)
