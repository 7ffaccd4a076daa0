"""Figure 4: alpha over the epochs after warm-up, on the first edge of each cell type."""
# Tested in tests/analysis/test_figures.py.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.analysis import alphas, drawings
from pipeline.analysis.drawings import Drawn
from pipeline.analysis.evidence import Evidence, runs_of_stage
from pipeline.analysis.figures import Series
from pipeline.analysis.runs import FinishedRun
from pipeline.config.experiments import Experiment, Row


def figure4(experiment: Experiment, evidence: Evidence, results: Path) -> list[Drawn]:
    """One picture for each row and cell type."""
    return [
        drawn
        for row, dataset, searches in runs_of_stage(experiment, evidence, "search")
        for drawn in _of_row(row, dataset, searches, results)
    ]


def _of_row(
    row: Row, dataset: str, searches: Sequence[FinishedRun], results: Path
) -> Iterator[Drawn]:
    alpha = alphas.read(results, searches, without_warmup=True)
    for cell_type, edges in alpha.edges.items() if alpha else ():
        edge, series = next(iter(edges.items()))
        series = [curve for curve in series if any(curve.seeds.values())]
        if series:
            yield drawings.curves(
                series,
                f"{row.label}, {cell_type} cell: alpha on the first edge ({edge})",
                "alpha over epochs after the warm-up; at the end",
                band=False,
                name=f"figure4_{row.strategy}_{dataset}_{cell_type}",
                data=list(_points(row, cell_type, edge, series)),
            )


def _points(
    row: Row, cell_type: str, edge: str, series: Sequence[Series]
) -> Iterator[dict[str, Any]]:
    for curve in series:
        for seed, values in curve.seeds.items():
            for epoch, alpha in values.items():
                yield {
                    "strategy": row.strategy,
                    "cell": cell_type,
                    "edge": edge.replace(" → ", "-"),
                    "operation": curve.name,
                    "seed": seed,
                    "epoch": epoch,
                    "alpha": alpha,
                }
