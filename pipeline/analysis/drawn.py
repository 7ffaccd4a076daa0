"""A drawn figure of the paper: picture, words and the numbers in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import files
from pipeline.analysis import figures
from pipeline.analysis.figures import Series

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawn:
    """One picture; a figure of the paper may be several.

    Attributes:
        name: of its files, without an ending; unique within the report.
        caption: what stands above it.
        description: its numbers in words, for those who do not see it.
        figure: as matplotlib drew it, in the style of `figures.style`.
        data: what is drawn, a row a point or a line, numbers and words only.
        legend: name of a series -> its index of colour and dash.
        curves: if the picture is one of `figures.curves`: they, so that points can be read off.
    """

    name: str
    caption: str
    description: str
    figure: Figure
    data: Sequence[Mapping[str, Any]]
    legend: Mapping[str, int]
    curves: Sequence[Series] = ()

    @cached_property
    def svg(self) -> str:
        """The picture for the page."""
        return figures.svg(self.figure)

    @property
    def readout(self) -> dict[str, Any]:
        """What a page needs to read points off, empty where it cannot."""
        assert self.svg  # lays the figure out
        return figures.readout(self.figure, self.curves) if self.curves else {}

    def save(self, folder: Path) -> None:
        """Write picture and numbers as NAME.svg, NAME.png, NAME.csv."""
        files.write_text(folder / f"{self.name}.svg", self.svg)
        with files.replacing(folder / f"{self.name}.png") as temporary:
            temporary.write_bytes(figures.png(self.figure))
        files.write_csv(folder / f"{self.name}.csv", self.data)
