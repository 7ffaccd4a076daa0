"""Layouts: how cells are stacked into a network, and the sizes of the published networks."""
# Tested in tests/networks/test_assembly.py.

from __future__ import annotations

from dataclasses import dataclass

from pipeline import registry
from pipeline.errors import InputError


@dataclass(frozen=True)
class Layout:
    """How cells are stacked."""

    family: str  # of its cells, "darts" or "nasbench201"
    channels: int  # channels of the first cell
    cells: int  # in total; in NAS-Bench-201 per stage (N)
    image_size: int  # side in the published experiments, in pixels
    classes: int  # in the published experiments
    auxiliary: bool  # whether it can have an auxiliary head
    stem_stride: int = 1  # factor by which the stem shrinks a side


LAYOUTS = {
    # DARTS (Liu et al., ICLR 2019), sections 3.2 and 3.4.
    "cifar10": Layout("darts", channels=36, cells=20, image_size=32, classes=10, auxiliary=True),
    "imagenet": Layout(
        "darts", channels=48, cells=14, image_size=224, classes=1000, auxiliary=True, stem_stride=8
    ),
    # Ours, for image sizes between CIFAR's and ImageNet's.
    "images64": Layout(
        "darts", channels=16, cells=5, image_size=64, classes=10, auxiliary=True, stem_stride=2
    ),
    "images128": Layout(
        "darts", channels=16, cells=5, image_size=128, classes=10, auxiliary=True, stem_stride=4
    ),
    # NAS-Bench-201 (Dong & Yang, ICLR 2020), section 2.1.
    "nasbench201": Layout(
        "nasbench201", channels=16, cells=5, image_size=32, classes=10, auxiliary=False
    ),
}


def find_layout(name: str) -> Layout:
    """The layout called `name`; InputError if there is none."""
    if name not in LAYOUTS:
        raise InputError(f"layout: unknown {name!r}; {registry.nearest(name, [*LAYOUTS])}")
    return LAYOUTS[name]
