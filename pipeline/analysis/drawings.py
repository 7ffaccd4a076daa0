"""The drawings of a page, with captions and descriptions.

An experiment names its figure by the key `figure`. The entry in `registry/figures.py` names a
function that draws the finished runs of the experiment:

    def figure3(experiment: Experiment, evidence: Evidence, results: Path) -> list[Drawn]
"""
# Tested in tests/analysis/test_figures_2_and_5.py.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import files, registry
from pipeline.analysis import figures
from pipeline.analysis.evidence import Evidence
from pipeline.analysis.figures import Series
from pipeline.config.experiments import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawn:
    """One picture; a figure of the paper may consist of several.

    Attributes:
        caption: the text above the picture.
        description: the picture's numbers in words, for readers who cannot see it.
        figure: the matplotlib figure.
        legend: name of a series -> its index of colour and dash.
        curves: the series, if `figures.curves` drew the picture.
        name: name of the picture's files without a suffix; unique within the report.
        data: one row for each point or line that is drawn.
    """

    caption: str
    description: str
    figure: Figure
    legend: Mapping[str, int] = field(default_factory=dict)
    curves: Sequence[Series] = ()
    name: str = ""
    data: Sequence[Mapping[str, Any]] = ()

    @cached_property
    def svg(self) -> str:
        """The picture for the page."""
        return figures.svg(self.figure)

    @property
    def readout(self) -> dict[str, Any]:
        """Data with which a page shows the values of the curves; empty if there are none."""
        assert self.svg  # rendering computes the layout of the figure
        return figures.readout(self.figure, self.curves) if self.curves else {}

    def save(self, folder: Path) -> None:
        """Write picture and numbers as NAME.svg, NAME.png, NAME.csv."""
        files.write_text(folder / f"{self.name}.svg", self.svg)
        with files.replacing(folder / f"{self.name}.png") as temporary:
            temporary.write_bytes(figures.png(self.figure))
        files.write_csv(folder / f"{self.name}.csv", self.data)


def curves(
    series: Sequence[Series], caption: str, description: str, band: bool = True, **named: Any
) -> Drawn:
    """A picture of curves; their last values are appended to `description`."""
    words = f"{description}: {figures.ends(series)}"
    legend = {curve.name: curve.index for curve in series}
    return Drawn(caption, words, figures.curves(series, band), legend, series, **named)


def draw(experiment: Experiment, evidence: Evidence, results: Path) -> list[Drawn]:
    """The pictures of an experiment; none if it names no figure."""
    if not experiment.figure:
        return []
    drawn: list[Drawn] = registry.get("figures", experiment.figure)(experiment, evidence, results)
    return drawn
