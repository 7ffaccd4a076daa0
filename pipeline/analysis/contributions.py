"""Heat maps (edges x operations, one per cell type) of the Shapley values that a search estimated.

    φ_o     mean over the E epochs in which φ_o was estimated
    error   sqrt(mean of σ_e² / E), the mean over epochs whose standard error σ_e is known

`strength.npz` has φ and σ as `phi_history` and `standard_error_history`, both [epochs, players],
NaN where unknown.
"""
# Tested in tests/analysis/test_report.py.

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import alphas
from pipeline.analysis.runs import FinishedRun
from pipeline.files import read_arrays
from pipeline.spaces import Space
from pipeline.spaces.genotype import Genotype

POINTS = 100.0  # V is an accuracy as a fraction; pages show points


@dataclass(frozen=True)
class Contribution:
    """One field of a heat map: an operation on an edge.

    Attributes:
        phi: Shapley value, in the unit of the heat map; NaN if never estimated.
        error: standard error of `phi`; NaN if unknown.
        share: `phi` divided by the largest |phi| of the search.
        chosen: whether the genotype has this operation on this edge.
    """

    phi: float
    error: float
    share: float
    chosen: bool

    @property
    def known(self) -> bool:
        """Whether `phi` was estimated."""
        return not math.isnan(self.phi)

    @property
    def is_null(self) -> bool:
        """Whether `phi` and `error` are zero, as for `none`, and the operation is not chosen."""
        return self.phi == self.error == 0 and not self.chosen

    @property
    def has_error(self) -> bool:
        """Whether `error` is known and above zero."""
        return self.error > 0


@dataclass(frozen=True)
class HeatMap:
    """The heat map of one cell type; a field is None if the edge does not offer the operation."""

    cell_type: str
    unit: str
    operations: tuple[str, ...]
    edges: dict[str, tuple[Contribution | None, ...]]


def heat_maps(
    results: Path, search: FinishedRun | None, genotype: FinishedRun
) -> tuple[HeatMap, ...]:
    """Heat maps of a search; empty if it estimates no Shapley values.

    `genotype` is the run of the stage `genotype` with the seed of `search`.
    """
    path = results / search.folder / "strength.npz" if search else None
    arrays = read_arrays(path) if path and path.exists() else {}
    file = results / genotype.folder / "genotype.json"
    if search is None or "phi_history" not in arrays or not file.exists():
        return ()
    space = alphas.space_of(search)
    phi, error = mean_over_epochs(arrays["phi_history"], arrays["standard_error_history"])
    if phi.size != space.n_players or np.isnan(phi).all():
        return ()
    settings = search.settings.get("settings", {})
    is_accuracy = settings.get("value", "accuracy") != "negative_loss"
    unit, scale = ("points of accuracy", POINTS) if is_accuracy else ("V", 1.0)
    chosen = _chosen(space, Genotype.load(file))
    share = phi / (np.nanmax(np.abs(phi)) or 1.0)
    fields = [
        Contribution(scale * p, scale * e, s, c)
        for p, e, s, c in zip(
            phi.tolist(), error.tolist(), share.tolist(), chosen.ravel().tolist(), strict=True
        )
    ]
    return tuple(_heat_map(space, t, unit, fields) for t in range(len(space.cell_types)))


def mean_over_epochs(
    phi: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of φ [epochs, players] over epochs, and its standard error; NaN values are ignored."""
    known = ~np.isnan(phi)
    n_epochs = known.sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, phi, 0.0).sum(axis=0) / n_epochs
        has_error = known & ~np.isnan(error)
        variance = np.where(has_error, error**2, 0.0).sum(axis=0) / has_error.sum(axis=0)
        return mean, np.sqrt(variance / n_epochs)


def _heat_map(space: Space, t: int, unit: str, fields: list[Contribution]) -> HeatMap:
    """The heat map of cell type `t`, without operations that are null on every edge."""
    rows: dict[str, dict[str, Contribution]] = {}
    for e, (node, source) in enumerate(space.edges):
        first = (t * len(space.edges) + e) * space.n_operations
        contributions = fields[first : first + space.n_operations]
        rows[f"{source} → {node}"] = dict(zip(space.operations[t][e], contributions, strict=True))
    played = {name for row in rows.values() for name, field in row.items() if not field.is_null}
    every = dict.fromkeys(name for row in rows.values() for name in row)
    names = tuple(name for name in every if name in played)
    edges = {edge: tuple(row.get(name) for name in names) for edge, row in rows.items()}
    return HeatMap(space.cell_types[t], unit, names, edges)


def _chosen(space: Space, genotype: Genotype) -> NDArray[np.bool_]:
    """Whether the genotype contains each player, bool[cell types, edges, operations]."""
    return np.array(
        [
            [
                [
                    (name, source) in genotype.cells[cell_type][node - space.n_inputs]
                    for name in names
                ]
                for names, (node, source) in zip(operations, space.edges, strict=True)
            ]
            for cell_type, operations in zip(space.cell_types, space.operations, strict=True)
        ]
    )
