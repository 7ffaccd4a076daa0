"""Figure 3: test error and search cost against the number of permutations M and the threshold eta.

The first picture varies M, the second eta. Both show the base row, which changes neither. M and eta
are read from the provenance of the searches, because presets may change them.
"""
# Tested in tests/analysis/test_figure_3.py.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.analysis import figures, measures
from pipeline.analysis.drawings import Drawn
from pipeline.analysis.evidence import Evidence, runs_of
from pipeline.analysis.intervals import Summary, summarise
from pipeline.analysis.measures import Measure, by_seed
from pipeline.config.experiments import Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SETTINGS = {"permutations": "M, permutations per step", "eta": "eta, drop at which a walk stops"}


@dataclass(frozen=True)
class Point:
    """A row of the experiment: the settings of its searches, and their results."""

    strategy: str
    settings: dict[str, float]
    error: Summary
    cost: Summary


def figure3(experiment: Experiment, evidence: Evidence, results: Path) -> list[Drawn]:
    """One picture per setting: error above, cost below."""
    dataset = experiment.rows[0].datasets[0]
    error = measures.test_error(experiment.rows[0].targets(dataset)[0])
    cost = measures.seconds("search", evidence.runs)
    points = list(_points(experiment, dataset, evidence, error, cost))
    varied = {setting: _varying(experiment, points, setting) for setting in SETTINGS}
    return [_draw(setting, series, cost) for setting, series in varied.items() if len(series) > 1]


def _points(
    experiment: Experiment, dataset: str, evidence: Evidence, error: Measure, cost: Measure
) -> Iterator[Point]:
    for row in experiment.rows:
        runs = runs_of(row, dataset, evidence.runs)
        errors, costs = by_seed(error, runs), by_seed(cost, runs)
        searches = [run for run in runs if run.stage == "search"]
        if errors and costs and searches:
            used = searches[0].settings.get("settings", {})
            yield Point(
                row.strategy,
                {key: float(used[key]) for key in SETTINGS if key in used},
                summarise(errors.values()),
                summarise(costs.values()),
            )


def _varying(experiment: Experiment, points: Sequence[Point], setting: str) -> list[Point]:
    """Points of the base row and of rows that change `setting` to another value, in order."""
    labels = experiment.strategies
    varied = [
        point
        for point in points
        if setting in point.settings
        and (point.strategy not in labels or setting in labels[point.strategy].settings)
    ]
    varied.sort(key=lambda point: (point.settings[setting], point.strategy in labels))
    alone = {point.settings[setting]: point for point in reversed(varied)}
    return [*reversed(alone.values())]


def _draw(setting: str, points: Sequence[Point], cost: Measure) -> Drawn:
    x = [point.settings[setting] for point in points]
    with figures.canvas(3.6) as figure:
        above, below = figure.subplots(2, 1, sharex=True)
        _line(above, x, [point.error for point in points], 0)
        above.set_ylabel("test error (%)")
        _line(below, x, [point.cost for point in points], 1)
        below.set_ylabel(f"search ({cost.unit})")
        below.set_xlabel(SETTINGS[setting])
        below.set_xticks(x, [f"{value:g}" for value in x])
        figure.align_ylabels()
    said = "; ".join(
        f"{value:g}: error {p.error.mean:.2f} %, {p.cost.mean:.3g} {cost.unit}"
        for value, p in zip(x, points, strict=True)
    )
    name = "M" if setting == "permutations" else setting
    bars = "; bars: 95 % t intervals over seeds" if any(p.error.half_width for p in points) else ""
    return Drawn(
        name=f"figure3_{setting}",
        caption=f"Test error and search cost against {name}{bars}",
        description=f"by {name}: {said}",
        figure=figure,
        data=[_row(setting, point, cost) for point in points],
    )


def _line(axes: Axes, x: Sequence[float], summaries: Sequence[Summary], index: int) -> None:
    colour = figures.SERIES[index]
    means = [summary.mean for summary in summaries]
    spread = [summary.half_width or 0.0 for summary in summaries]
    axes.errorbar(
        x, means, yerr=spread, color=colour, lw=1.9, marker="o", ms=4, elinewidth=1, capsize=2.5
    )


def _row(setting: str, point: Point, cost: Measure) -> dict[str, Any]:
    return {
        "strategy": point.strategy,
        setting: point.settings[setting],
        "n": point.error.n,
        "test_error_percent": point.error.mean,
        "test_error_half_width": point.error.half_width,
        f"search_cost_{cost.unit}": point.cost.mean,
        f"search_cost_{cost.unit}_half_width": point.cost.half_width,
    }
