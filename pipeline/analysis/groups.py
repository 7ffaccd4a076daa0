"""Figures of accuracy, cost and alpha for each group of runs.

A group contains all runs in one space on one data set. Each strategy has the same colour and dash
in all figures of a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.analysis import alphas, dots, drawings, figures, measures
from pipeline.analysis.dots import Dots
from pipeline.analysis.drawings import Drawn
from pipeline.analysis.figures import Series
from pipeline.analysis.measures import Measure, by_seed
from pipeline.analysis.runs import FinishedRun

# Metric of an epoch -> axis label, scale.
SEARCH_CURVES = {
    # The mean over the alpha steps of an epoch, the accuracy of the whole supernet after the epoch,
    # and the accuracy of single architectures sampled from the supernet.
    "valid_accuracy": ("supernet's validation accuracy while alpha is trained (%)", 100.0),
    "value_full": ("value of the whole supernet, V(N)", 1.0),
    "drawn_accuracy": ("mean validation accuracy of the architectures drawn (%)", 100.0),
    "train_accuracy": ("supernet's training accuracy (%)", 100.0),
    "train_loss": ("supernet's training loss", 1.0),
}
TRAIN_CURVES = {
    "train_accuracy": ("training accuracy (%)", 100.0),
    "train_loss": ("training loss", 1.0),
}
GRID_COLUMNS = 4
# In a larger group only first edges are drawn, because the page would get too big.
MOST_WITH_ALL_EDGES = 8


@dataclass(frozen=True)
class AlphaFigures:
    """Figures of alpha for one strategy: the first edge of each cell type, and all edges."""

    strategy: str
    operations: dict[str, int]
    first_edges: list[Drawn]
    all_edges: list[Drawn]


@dataclass(frozen=True)
class Group:
    """A group of runs; `strategies`: title -> index of colour and dash."""

    space: str
    dataset: str
    strategies: dict[str, int]
    searches: list[Drawn] = field(default_factory=list)
    trainings: dict[str, list[Drawn]] = field(default_factory=dict)
    alphas: list[AlphaFigures] = field(default_factory=list)


def groups(results: Path, runs: Sequence[FinishedRun], titles: Mapping[str, str]) -> list[Group]:
    """Draw the figures of each group; `titles` are the display names of strategy labels."""
    keys = dict.fromkeys((run.space, run.dataset) for run in runs)
    return [
        _group(results, key, [run for run in runs if (run.space, run.dataset) == key], titles)
        for key in keys
    ]


def _group(
    results: Path, key: tuple[str, str], runs: list[FinishedRun], titles: Mapping[str, str]
) -> Group:
    labels = [label for label in titles if any(run.strategy == label for run in runs)]
    group = Group(*key, {titles[label]: index for index, label in enumerate(labels)})
    of = {label: [run for run in runs if run.strategy == label] for label in labels}
    named = {titles[label]: members for label, members in of.items()}
    searches = {
        name: [r for r in members if r.stage == "search"] for name, members in named.items()
    }
    group.searches.extend(_curves(searches, SEARCH_CURVES))
    group.searches.extend(_dots(named, [measures.seconds("search", runs)]))
    for target in dict.fromkeys(run.target for run in runs if run.target is not None):
        trained = {
            name: [r for r in members if r.target == target] for name, members in named.items()
        }
        costs = [measures.seconds("retrain", runs, target)]
        group.trainings[target] = [
            *_dots(named, costs),
            *_curves(trained, TRAIN_CURVES),
        ]
    for name, members in searches.items():
        alpha = _alpha(results, name, members, len(labels) <= MOST_WITH_ALL_EDGES)
        if alpha:
            group.alphas.append(alpha)
    return group


def _curves(
    runs: Mapping[str, Sequence[FinishedRun]], metrics: Mapping[str, tuple[str, float]]
) -> Iterable[Drawn]:
    """A figure for each metric that a history has, one curve per strategy."""
    for metric, (label, scale) in metrics.items():
        series = [
            Series(name, index, by_run)
            for index, (name, members) in enumerate(runs.items())
            if (by_run := histories(members, metric, scale))
        ]
        if any(len(values) > 1 for curve in series for values in curve.seeds.values()):
            title = f"{label[0].upper()}{label[1:]}"
            yield drawings.curves(series, title, f"{label} over epochs; after the last epoch")


def histories(
    runs: Sequence[FinishedRun], metric: str, scale: float
) -> dict[int, dict[int, float]]:
    """Run -> epoch (counted from one) -> value; runs without the metric are left out."""
    by_run = {}
    for index, run in enumerate(runs):
        values = {
            int(row["epoch"]) + 1: row[metric] * scale
            for row in run.history
            if metric in row and "epoch" in row
        }
        if values:
            by_run[index] = values
    return by_run


def _dots(runs: Mapping[str, Sequence[FinishedRun]], wanted: Sequence[Measure]) -> Iterable[Drawn]:
    """A dot plot for each measure that at least one strategy has."""
    for measure in wanted:
        rows = [
            Dots(name, index, values)
            for index, (name, members) in enumerate(runs.items())
            if (values := by_seed(measure, members))
        ]
        if sum(len(row.values) for row in rows) > 1:  # a single point needs no plot
            label = f"{measure.title} ({measure.unit})"
            ends = [f"{r.name} {r.words(measure.decimals)}" for r in rows]
            words = f"{label} by seed; mean: {'; '.join(ends)}"
            yield Drawn(label, words, dots.dots(rows))


def _alpha(
    results: Path, name: str, runs: Sequence[FinishedRun], with_all: bool
) -> AlphaFigures | None:
    """Figures of alpha; None if it was not saved or no longer fits the space."""
    alpha = alphas.read(results, runs)
    if alpha is None:
        return None
    drawn = AlphaFigures(name, alpha.operations, [], [])
    for cell_type, edges in alpha.edges.items():
        where = f"{name}, cell" if cell_type == "cell" else f"{name}, {cell_type} cell"
        edge, series = next(iter(edges.items()))  # the edge of the paper's Figure 4
        first = f"{where}: alpha on the first edge ({edge})"
        words = f"{where}: alpha on edge {edge} over epochs; at the end"
        drawn.first_edges.append(drawings.curves(series, first, words, band=False))
        if with_all:
            caption = f"{where}: alpha on all edges (source → node) over epochs"
            words = f"{where}: alpha on all {len(edges)} edges over epochs"
            drawn.all_edges.append(Drawn(caption, words, figures.grid(edges, GRID_COLUMNS)))
    return drawn
