"""The frames into which cells are stacked, with their published sizes."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline import registry
from pipeline.errors import InputError


@dataclass(frozen=True)
class Layout:
    """A frame for cells.

    Attributes:
        family: whose cells fit, "darts" or "nasbench201".
        channels: of the first cell.
        cells: in all; in NAS-Bench-201 per stage (N).
        image_size: side of the published experiments' images, in pixels.
        classes: of the published experiments.
        auxiliary: whether it has a place for an auxiliary head.
    """

    family: str
    channels: int
    cells: int
    image_size: int
    classes: int
    auxiliary: bool


LAYOUTS = {
    # DARTS (Liu et al., ICLR 2019), sections 3.2 and 3.4.
    "cifar10": Layout("darts", channels=36, cells=20, image_size=32, classes=10, auxiliary=True),
    "imagenet": Layout(
        "darts", channels=48, cells=14, image_size=224, classes=1000, auxiliary=True
    ),
    # NAS-Bench-201 (Dong & Yang, ICLR 2020), section 2.1.
    "nasbench201": Layout(
        "nasbench201", channels=16, cells=5, image_size=32, classes=10, auxiliary=False
    ),
}


def find_layout(name: str) -> Layout:
    """The layout called `name`.

    Raises:
        InputError: there is none.
    """
    if name not in LAYOUTS:
        raise InputError(f"layout: unknown {name!r}; {registry.nearest(name, [*LAYOUTS])}")
    return LAYOUTS[name]
