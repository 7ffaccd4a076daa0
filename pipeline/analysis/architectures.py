"""Each found architecture: its cell, its size, the runs that used it, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.analysis import alphas, drawings, figures
from pipeline.analysis.contributions import HeatMap, heat_maps
from pipeline.analysis.drawings import Drawn
from pipeline.analysis.figures import Series
from pipeline.analysis.groups import histories
from pipeline.analysis.runs import FinishedRun, same_cells

COLUMNS = 2  # columns of small pictures; a phone shows this many
COUNTS = {"params": "parameters", "macs": "multiply-adds"}


@dataclass(frozen=True)
class Architecture:
    """One genotype.

    Attributes:
        run: run of the stage `genotype`.
        svg: the drawing of the cell; empty if there is none.
        others: the other runs of this strategy and seed.
        training: training accuracy over epochs; None if the network was not trained.
        same: titles of other strategies' architectures with the same cell.
        values: estimated Shapley values, by cell type.
    """

    run: FinishedRun
    anchor: str
    title: str
    svg: str
    others: tuple[FinishedRun, ...]
    training: Drawn | None
    same: tuple[str, ...] = ()
    values: tuple[HeatMap, ...] = ()

    @property
    def counts(self) -> dict[str, str]:
        """Parameters and multiply-adds as text."""
        numbers = {name: self.run.metrics.get(key) for key, name in COUNTS.items()}
        return {k: f"{v:,.0f}" for k, v in numbers.items() if isinstance(v, int | float)}


def architectures(
    results: Path, runs: Sequence[FinishedRun], titles: Mapping[str, str]
) -> list[Architecture]:
    """All found cells, in the order of the runs."""
    return [_architecture(results, run, runs, titles) for run in runs if run.stage == "genotype"]


def title_of(run: FinishedRun, titles: Mapping[str, str]) -> str:
    """Strategy and seed in words."""
    return f"{titles.get(run.strategy, run.strategy)}, seed {run.seed}"


def anchor_of(run: FinishedRun) -> str:
    """The HTML id of the architecture that a run's seed found."""
    return f"architecture-{run.seed_folder}".replace("/", "-")


def _architecture(
    results: Path, run: FinishedRun, runs: Sequence[FinishedRun], titles: Mapping[str, str]
) -> Architecture:
    path = results / run.folder / "cell.svg"
    others = [r for r in runs if r.seed_folder == run.seed_folder and r is not run]
    title = title_of(run, titles)
    same = next((group for group in same_cells(runs) if run in group), [])
    return Architecture(
        run=run,
        anchor=anchor_of(run),
        title=title,
        svg=path.read_text(encoding="utf-8") if path.exists() else "",
        others=tuple(others),
        training=_training(title, others),
        same=tuple(
            title_of(genotype, titles) for genotype in same if genotype.strategy != run.strategy
        ),
        values=heat_maps(results, _search_of(others), run),
    )


def _search_of(runs: Sequence[FinishedRun]) -> FinishedRun | None:
    return next((run for run in runs if run.stage == "search"), None)


def growth(results: Path, architecture: Architecture) -> list[Drawn]:
    """Curves of a search over its epochs: alpha (Eq. 6) and accumulated Shapley values (Eq. 7)."""
    search = _search_of(architecture.others)
    if search is None:
        return []
    by_quantity = {name: alphas.read(results, [search], quantity=name) for name in ("s", "alpha")}
    return [
        _grown(name, cell_type, edges, history.operations)
        for name, history in by_quantity.items()
        if history
        for cell_type, edges in history.edges.items()
    ]


def _grown(
    quantity: str,
    cell_type: str,
    edges: Mapping[str, Sequence[Series]],
    operations: Mapping[str, int],
) -> Drawn:
    where = "" if cell_type == "cell" else f", {cell_type} cell"
    caption = f"{quantity} over epochs on each edge{where}"
    words = f"{caption}: {len(operations)} operations on {len(edges)} edges"
    return Drawn(caption, words, figures.grid(edges, COLUMNS), operations)


def _training(title: str, runs: Sequence[FinishedRun]) -> Drawn | None:
    """One curve for each data set."""
    targets = dict.fromkeys(run.target for run in runs if run.target is not None)
    series = [
        Series(target, index, by_run)
        for index, target in enumerate(targets)
        if (by_run := histories([r for r in runs if r.target == target], "train_accuracy", 100.0))
    ]
    if not series:
        return None
    words = f"{title}: training accuracy in percent over epochs; at the end"
    return drawings.curves(series, "Training accuracy (%) over epochs", words)
