"""Draws curves over epochs with mean and 95 % interval (for dot plots see `dots.py`).

A thin line is one seed, a thick line is the mean over seeds, and a band is the t interval of the
mean. For the same numbers, `svg` and `png` return the same bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.analysis.intervals import summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Distinct for colour-blind readers (after Okabe and Ito).
SERIES = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#a3478f",
    "#b07d00",
    "#3d9bd1",
    "#6b7280",
    "#7a4f2a",
)
DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (5, 1.5),
    (1.5, 1.2),
    (6, 1.5, 1.5, 1.5),
    (3, 1),
    (8, 2),
    (1, 2),
    (4, 1, 1, 1, 1, 1),
)
INK, MUTED, GRID = "#1f2430", "#5b6473", "#d9dde4"
# Colour -> CSS variable, for `svg.inline`.
THEME = {INK: "ink", MUTED: "muted", GRID: "grid"} | {
    colour: f"series-{index}" for index, colour in enumerate(SERIES)
}
LEGEND_LINE = 0.18  # inches
SIZE = (4.1, 2.4)  # inches; about the width of a phone
STYLE: Any = {
    "svg.hashsalt": "shapley-nas",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


@dataclass(frozen=True)
class Series:
    """One curve: by seed, values by epoch; `index` picks colour and dash."""

    name: str
    index: int
    seeds: Mapping[int, Mapping[int, float]]

    def mean(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Epochs, means over seeds, half-widths of the intervals (0 for fewer than three seeds)."""
        epochs = sorted({epoch for values in self.seeds.values() for epoch in values})
        summaries = [
            summarise(values[epoch] for values in self.seeds.values() if epoch in values)
            for epoch in epochs
        ]
        means = np.array([summary.mean for summary in summaries])
        return np.array(epochs), means, np.array([s.half_width or 0.0 for s in summaries])

    def last(self) -> str:
        """The mean over seeds at the last epoch and its interval, as text."""
        _, mean, half_width = self.mean()
        return f"{mean[-1]:.3g}" + (f" ± {half_width[-1]:.2g}" if half_width[-1] else "")


def curves(series: Sequence[Series], band: bool = True, legend: bool = False) -> Figure:
    """Draw curves over epochs; the vertical axis has no label.

    `band` draws the intervals. `legend` names the curves, for pictures outside a report page.
    """
    below = LEGEND_LINE * math.ceil(len(series) / 2) if legend else 0.0
    with canvas(SIZE[1] + below) as figure:
        axes = figure.subplots()
        _draw_curves(axes, series, band)
        axes.set_xlabel("epoch")
        if legend:
            figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=7.5)
    return figure


def grid(panels: Mapping[str, Sequence[Series]], columns: int) -> Figure:
    """Small panels with shared axes; the key of a panel is its title."""
    n_rows = -(-len(panels) // columns)
    with canvas(1.45 * n_rows, 2.15 * columns) as figure:
        all_axes = figure.subplots(n_rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, (title, series) in zip(all_axes.flat, panels.items(), strict=False):
            _draw_curves(axes, series, band=False)
            axes.set_title(title)
        for axes in all_axes.flat[len(panels) :]:
            axes.set_axis_off()
    return figure


def svg(figure: Figure) -> str:
    """The figure as SVG text."""
    stream = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style():
        figure.savefig(stream, format="svg", metadata=nothing, transparent=True)
    return stream.getvalue()


def png(figure: Figure) -> bytes:
    """The figure as PNG, on white, at twice the resolution of a screen."""
    stream = io.BytesIO()
    with style():
        figure.savefig(stream, format="png", dpi=200, metadata={"Software": None})
    return stream.getvalue()


def style() -> Any:
    """The context in which a figure is built and rendered."""
    import matplotlib

    return matplotlib.rc_context(STYLE)


@contextmanager
def canvas(height: float, width: float = SIZE[0]) -> Iterator[Figure]:
    """An empty figure of this size in inches; the style is active inside the `with` block."""
    from matplotlib.figure import Figure

    with style():
        yield Figure(figsize=(width, height), layout="constrained")


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Label one horizontal row for each name, without grid lines."""
    axes.grid(False, axis="y")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", labelcolor=INK)


def ends(series: Sequence[Series]) -> str:
    """The last value of each curve in words."""
    return "; ".join(f"{curve.name} {curve.last()}" for curve in series)


def readout(figure: Figure, series: Sequence[Series]) -> dict[str, Any]:
    """The data with which a report page shows the values of the curves.

    Call `svg` first, because it places the axes.

    Returns:
        `box`: left, top, right and bottom of the axes as fractions of the picture; `x`: limits of
        the horizontal axis; `series`: name, colour index and points [epoch, mean, half-width].
    """
    (axes,) = figure.axes
    place = axes.get_position()
    return {
        "box": [round(v, 5) for v in (place.x0, 1 - place.y1, place.x1, 1 - place.y0)],
        "x": [float(v) for v in axes.get_xlim()],
        "series": [
            {
                "name": curve.name,
                "index": curve.index,
                "points": [
                    [float(f"{v:.4g}") for v in point] for point in zip(*curve.mean(), strict=True)
                ],
            }
            for curve in series
        ],
    }


def _draw_curves(axes: Axes, series: Sequence[Series], band: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    for curve in series:
        colour = SERIES[curve.index % len(SERIES)]
        line: Any = {"color": colour, "dashes": DASHES[curve.index % len(DASHES)]}
        gid = f"series-{curve.index}"
        epochs, mean, half_width = curve.mean()
        if band:
            low, high = mean - half_width, mean + half_width
            axes.fill_between(epochs, low, high, color=colour, alpha=0.13, lw=0, gid=gid)
        if len(curve.seeds) > 1:
            for values in curve.seeds.values():
                axes.plot([*values], [*values.values()], color=colour, lw=0.7, alpha=0.45, gid=gid)
        marker = "o" if len(epochs) == 1 else None
        axes.plot(epochs, mean, lw=1.9, marker=marker, ms=4, gid=gid, label=curve.name, **line)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(5))
