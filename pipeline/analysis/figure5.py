"""Figure 5: operation strength against test accuracy of architectures of NAS-Bench-201.

A scatter plot for each row and data set shows the first seed, as in the paper. A second picture for
each data set shows Kendall's tau of every seed with a bootstrap interval. A cross marks the paper's
tau. Lines mark the tau of scores fitted to the table (`nasbench/additive.py`): main effects on the
accuracies (dashed) and on their ranks (solid).
"""
# Tested in tests/analysis/test_figures_2_and_5.py.

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.analysis import figures, measures
from pipeline.analysis.drawings import Drawn
from pipeline.analysis.evidence import Evidence, runs_of_stage
from pipeline.analysis.runs import FinishedRun
from pipeline.config.experiments import Experiment, Row
from pipeline.files import read_csv

OVER = {"sample": "drawn", "all": "all"}
EFFECTS: dict[str, tuple[float, ...]] = {"main_effects": (1.5, 1), "rank_effects": ()}


@dataclass(frozen=True)
class Ranked:
    """The runs of stage `ranking` for one row and data set; `index` chooses the row's colour."""

    row: Row
    dataset: str
    runs: list[FinishedRun]
    index: int

    @property
    def stood_for(self) -> str:
        """The paper's data set, which `dataset` may only stand for."""
        return self.row.stands_for or self.dataset

    @property
    def printed(self) -> float | None:
        """The paper's tau."""
        number = self.row.paper.get(self.dataset, {}).get("tau_sample")
        return number.mean if number else None


def figure5(experiment: Experiment, evidence: Evidence, results: Path) -> list[Drawn]:
    """Scatters by row and data set, then the taus by data set."""
    rankings = list(_ranked(experiment, evidence))
    datasets = dict.fromkeys(ranked.stood_for for ranked in rankings)
    # All pictures have the same legend.
    legend = {ranked.row.label: ranked.index for ranked in rankings}
    by_dataset = [[ranked for ranked in rankings if ranked.stood_for == name] for name in datasets]
    return [
        *(_scatter(ranked, legend, results) for group in by_dataset for ranked in group),
        *(_taus(group, legend) for group in by_dataset),
    ]


def _ranked(experiment: Experiment, evidence: Evidence) -> Iterator[Ranked]:
    colours = {label: i for i, label in enumerate(dict.fromkeys(r.label for r in experiment.rows))}
    for row, dataset, runs in runs_of_stage(experiment, evidence, "ranking"):
        yield Ranked(row, dataset, runs, colours[row.label])


def _scatter(ranked: Ranked, legend: Mapping[str, int], results: Path) -> Drawn:
    row, run = ranked.row, ranked.runs[0]
    points = [
        {key: float(drawn[key]) for key in ("strength", "accuracy")}
        for drawn in read_csv(results / run.folder / "sample.csv")
    ]
    tau = run.metrics["tau_sample"]
    interval = f"{run.metrics['tau_sample_low']:.3f} to {run.metrics['tau_sample_high']:.3f}"
    with figures.canvas(2.7) as figure:
        axes = figure.subplots()
        x, y = ([point[key] for point in points] for key in ("strength", "accuracy"))
        axes.plot(x, y, "o", ms=3, mew=0, alpha=0.55, color=figures.SERIES[ranked.index])
        axes.set_xlabel("mean strength of its operations")
        axes.set_ylabel("test accuracy (%)")
        axes.set_title(f"τ = {tau:.3f}")
    return Drawn(
        name=f"figure5_{row.strategy}_{ranked.stood_for}",
        caption=f"{row.label}, {_where(ranked)}, seed {run.seed}: {len(points)} architectures",
        description=f"Kendall's tau {tau:.3f} (95 % bootstrap interval {interval})",
        figure=figure,
        data=[{"strategy": row.strategy, "seed": run.seed, **point} for point in points],
        legend=legend,
    )


def _taus(rankings: Sequence[Ranked], legend: Mapping[str, int]) -> Drawn:
    """Dots of tau: a line for each row and set of architectures, a dot for each seed."""
    data = [point for ranked in rankings for over in OVER for point in _points(ranked, over)]
    lines = [(ranked, over) for over in OVER for ranked in rankings]
    with figures.canvas(0.8 + 0.42 * len(lines)) as figure:
        axes = figure.subplots()
        figures.name_rows(axes, [f"{ranked.row.label}, {OVER[over]}" for ranked, over in lines])
        for y, (ranked, over) in enumerate(lines):
            _line(axes, y, ranked, over)
        axes.set(ylim=(len(lines) - 0.4, -0.6))
        axes.set_xlabel("Kendall's τ")
        axes.axvline(0, color=figures.MUTED, lw=0.7)
    said = [f"{p['row']}, {p['over']}, seed {p['seed']}: {p['tau']:.3f}" for p in data]
    metrics = rankings[0].runs[0].metrics
    reached = [
        f"{name.replace('_', ' ')} {metrics[f'{name}_{over}']:.3f} ({OVER[over]})"
        for name in EFFECTS
        for over in OVER
    ]
    return Drawn(
        name=f"figure5_tau_{rankings[0].stood_for}",
        caption=f"{_where(rankings[0])}: Kendall's tau by seed with its 95 % bootstrap interval; "
        "×: paper; lines: the table's main effects (dashed) and rank effects",
        description="; ".join([*said, *reached]),
        figure=figure,
        data=data,
        legend=legend,
    )


def _line(axes: Any, y: int, ranked: Ranked, over: str) -> None:
    colour = figures.SERIES[ranked.index]
    for place, run in enumerate(ranked.runs):
        tau, low, high = (run.metrics[f"tau_{over}{end}"] for end in ("", "_low", "_high"))
        at = y + 0.5 * ((place + 0.5) / len(ranked.runs) - 0.5)
        axes.plot([low, high], [at, at], color=colour, lw=1.4, alpha=0.6)
        axes.plot([tau], [at], "o", ms=4, color=colour)
    metrics = ranked.runs[0].metrics
    for effects, dashes in EFFECTS.items():
        x = metrics[f"{effects}_{over}"]
        axes.plot([x, x], [y - 0.4, y + 0.4], color=figures.INK, lw=1.5, dashes=dashes)
    if over == "sample" and ranked.printed is not None:
        axes.plot([ranked.printed], [y], "x", ms=6, mew=1.5, color=figures.INK)


def _points(ranked: Ranked, over: str) -> Iterator[dict[str, Any]]:
    for run in ranked.runs:
        ends = {end: run.metrics[f"tau_{over}_{end}"] for end in ("low", "high")}
        yield {
            "row": ranked.row.label,
            "strategy": ranked.row.strategy,
            "dataset": ranked.dataset,
            "stands_for": ranked.row.stands_for,
            "seed": run.seed,
            "over": OVER[over],
            "tau": run.metrics[f"tau_{over}"],
            **ends,
            **{name: run.metrics[f"{name}_{over}"] for name in EFFECTS},
            "paper": ranked.printed if over == "sample" else None,
        }


def _where(ranked: Ranked) -> str:
    return measures.place(ranked.dataset, ranked.row.stands_for)
