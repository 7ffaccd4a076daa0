"""Figure 2: how much accuracy the supernet loses if one or two operations of two edges are removed.

The first picture shows the drop in accuracy: on its diagonal one operation is removed, above the
diagonal two. The second picture shows the interaction of two operations: the drop if both are
removed, minus the sum of the drops if each is removed alone.
"""
# Tested in tests/analysis/test_figures_2_and_5.py.

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import figures, measures
from pipeline.analysis.drawings import Drawn
from pipeline.analysis.evidence import Evidence, runs_of_stage
from pipeline.analysis.intervals import summarise
from pipeline.analysis.runs import FinishedRun
from pipeline.config.experiments import Experiment, Row
from pipeline.files import read_csv
from pipeline.spaces.nasbench201 import EDGES

POINTS = 100.0  # drops are stored as fractions and shown in points of accuracy
SHORT = {"skip_connect": "skip", "avg_pool_3x3": "avg_3x3"}
Player = tuple[int, str]
Pair = tuple[Player, Player]  # a pair of equal players is a single operation


@dataclass(frozen=True)
class Quantity:
    """What a picture of figure 2 shows: the drop in accuracy, or the interaction."""

    key: str  # column of `drops.csv`
    caption: str
    colours: str  # matplotlib colour map


QUANTITIES = (
    Quantity("drop", "points of accuracy lost without both (diagonal: without one)", "Oranges"),
    Quantity("interaction", "points lost beyond the sum of both alone", "RdBu_r"),
)


def figure2(experiment: Experiment, evidence: Evidence, results: Path) -> list[Drawn]:
    """Drops and interactions of every row and data set."""
    return [
        drawn
        for row, dataset, runs in runs_of_stage(experiment, evidence, "removal")
        for drawn in _of_row(row, dataset, runs, results)
    ]


def _of_row(row: Row, dataset: str, runs: Sequence[FinishedRun], results: Path) -> Iterator[Drawn]:
    tables = [_read(results / run.folder / "drops.csv") for run in runs]
    where = measures.place(dataset, row.stands_for)
    seeds = f"{len(runs)} seed{'s' * (len(runs) > 1)}"
    for quantity in QUANTITIES:
        values: dict[Pair, list[float]] = defaultdict(list)
        for table in tables:
            for pair, numbers in table.items():
                if quantity.key in numbers:
                    values[pair].append(POINTS * numbers[quantity.key])
        yield Drawn(
            name=f"figure2_{row.strategy}_{row.stands_for or dataset}_{quantity.key}",
            caption=f"{row.label}, {where}: {quantity.caption}; {seeds}",
            description=_words(quantity, values),
            figure=_draw(quantity, values),
            data=[_numbers(pair, several, quantity) for pair, several in values.items()],
        )


def _read(path: Path) -> dict[Pair, dict[str, float]]:
    """Drop and interaction of each pair, as fractions; a single operation has no interaction."""
    drops = {}
    for row in read_csv(path):
        first = (int(row["first_edge"]), row["first_operation"])
        alone = not row["second_operation"]
        second = first if alone else (int(row["second_edge"]), row["second_operation"])
        keys = [quantity.key for quantity in QUANTITIES if row[quantity.key]]
        drops[first, second] = {key: float(row[key]) for key in keys}
    return drops


def _draw(quantity: Quantity, values: Mapping[Pair, Sequence[float]]) -> Any:
    """A heat map of pairs of operations, ordered by edge."""
    players = list(dict.fromkeys(player for pair in values for player in pair))
    field = np.full((len(players), len(players)), np.nan)
    for (first, second), several in values.items():
        field[players.index(first), players.index(second)] = np.mean(several)
    most = max(float(np.nanmax(np.abs(field))), 1e-9)
    diverging = quantity.key == "interaction"
    with figures.canvas(3.5) as figure:
        axes = figure.subplots()
        low, high = (-most, most) if diverging else (0.0, 1.25 * most)
        # Drawn as paths, not as pixels, because a page embeds no images.
        borders = np.arange(len(players) + 1) - 0.5
        shades = axes.pcolormesh(
            borders, borders, field, cmap=quantity.colours, vmin=low, vmax=high
        )
        shades.set_edgecolor("face")
        _write(axes, field, most)
        names = [_title(player) for player in players]
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(labelsize=8, length=2)
        axes.set(aspect="equal", ylim=(len(names) - 0.5, -0.5))
        axes.grid(False)
        for edge in {player[0] for player in players[1:]} - {players[0][0]}:
            border = [player[0] for player in players].index(edge) - 0.5
            axes.axhline(border, color=figures.MUTED, lw=0.8)
            axes.axvline(border, color=figures.MUTED, lw=0.8)
    return figure


def _write(axes: Any, field: NDArray[np.float64], most: float) -> None:
    """Write the number in each field, in white on dark fields."""
    for (i, j), value in np.ndenumerate(field):
        if not np.isnan(value):
            ink = "#ffffff" if abs(value) > 0.75 * most else "#000000"
            axes.text(j, i, f"{value:.1f}", ha="center", va="center", fontsize=7.5, color=ink)


def _title(player: Player) -> str:
    target, source = EDGES[player[0]]
    return f"{target}←{source} {SHORT.get(player[1], player[1].removeprefix('nor_'))}"


def _words(quantity: Quantity, values: Mapping[Pair, Sequence[float]]) -> str:
    """The largest value of a single operation and of a pair, in words."""
    means = {pair: float(np.mean(several)) for pair, several in values.items()}
    kinds = {
        "alone": {pair: m for pair, m in means.items() if pair[0] == pair[1]},
        "together": {pair: m for pair, m in means.items() if pair[0] != pair[1]},
    }
    said = []
    for kind, drops in kinds.items():
        if drops:
            pair = max(drops, key=lambda pair: abs(drops[pair]))
            names = " and ".join(dict.fromkeys(map(_title, pair)))
            said.append(f"largest {kind}: {names}, {drops[pair]:.2f}")
    return f"{quantity.caption}; {'; '.join(said)}"


def _numbers(pair: Pair, several: Sequence[float], quantity: Quantity) -> dict[str, Any]:
    summary = summarise(several)
    (first_edge, first), (second_edge, second) = pair
    return {
        "first_edge": first_edge,
        "first_operation": first,
        "second_edge": second_edge if pair[0] != pair[1] else "",
        "second_operation": second if pair[0] != pair[1] else "",
        f"{quantity.key}_points": summary.mean,
        "std": summary.deviation,
        "half_width": summary.half_width,
        "n": summary.n,
    }
