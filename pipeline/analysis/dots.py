"""Dot and scatter plots that compare methods, with mean and 95 % interval over seeds."""
# Tested in tests/analysis/test_figures.py.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.analysis import figures
from pipeline.analysis.figures import MUTED, SERIES
from pipeline.analysis.intervals import summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_DOTS = 30  # with more seeds, single seeds are not drawn


@dataclass(frozen=True)
class Dots:
    """The values of one method: a row of a dot plot, or a point of a scatter plot.

    Attributes:
        index: index of its colour.
        values: seed -> value; empty if only the paper has a number.
        paper: the paper's mean and deviation; None if the paper prints no number.
        at: horizontal position in a scatter plot.
    """

    name: str
    index: int
    values: Mapping[int, float]
    paper: tuple[float, float] | None = None
    at: float = 0.0

    def words(self, decimals: int) -> str:
        """Our mean with its interval (or the values if there is none), and the paper's mean."""
        said = []
        if self.values:
            words = summarise(self.values.values()).words(decimals)
            said.append(f"{words} (n = {len(self.values)})")
        if self.paper:
            said.append(f"paper {self.paper[0]:.{decimals}f}")
        return ", ".join(said)


def dots(rows: Sequence[Dots]) -> Figure:
    """Draw a row for each method: hollow dots for seeds, mean with interval, ◆ for the paper."""
    with figures.canvas(0.45 + 0.4 * len(rows)) as figure:
        axes = figure.subplots()
        figures.name_rows(axes, [row.name for row in rows])
        for y, row in enumerate(rows):
            if row.values:
                _draw_row(axes, row, y)
            if row.paper:
                mean, deviation = row.paper
                axes.errorbar(
                    [mean], [y + 0.28], xerr=deviation or None, fmt="D", ms=4, lw=1, color=MUTED
                )
        axes.set(ylim=(len(rows) - 0.5, -0.5))
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.08)
    return figure


def scatter(points: Sequence[Dots], x: str) -> Figure:
    """Draw the mean and interval of each method at `at`; `x` labels the horizontal axis."""
    from matplotlib.ticker import MaxNLocator

    with figures.canvas(figures.SIZE[1]) as figure:
        axes = figure.subplots()
        for point in points:
            summary = summarise(point.values.values())
            arms = [[arm] for arm in summary.arms] if any(summary.arms) else None
            colour, gid = SERIES[point.index % len(SERIES)], f"series-{point.index}"
            axes.errorbar(
                [point.at], [summary.mean], yerr=arms, fmt="o", ms=7, lw=1.4, color=colour, gid=gid
            )
        axes.set_xlabel(x)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.margins(0.12)
    return figure


def _draw_row(axes: Axes, row: Dots, y: int) -> None:
    """Draw one method at height `y`."""
    colour, gid = SERIES[row.index % len(SERIES)], f"series-{row.index}"
    summary = summarise(row.values.values())
    if len(row.values) <= MOST_DOTS:
        axes.plot(
            [*row.values.values()],
            [y] * len(row.values),
            "o",
            ms=5,
            mfc="none",
            mec=colour,
            alpha=0.7,
            gid=gid,
        )
    axes.errorbar(
        [summary.mean],
        [y],
        xerr=[[arm] for arm in summary.arms] if any(summary.arms) else None,
        fmt="|",
        ms=13,
        mew=2.2,
        lw=2.2,
        color=colour,
    )
