"""Builds the network of a genotype."""

from __future__ import annotations

from pathlib import Path

import torch

from pipeline import seeds
from pipeline.errors import InputError
from pipeline.networks.darts import DartsNetwork
from pipeline.networks.layouts import find_layout
from pipeline.networks.nasbench201 import NasBench201Network
from pipeline.networks.network import Network
from pipeline.networks.published import resolve
from pipeline.networks.resnet18 import ResNet18
from pipeline.spaces.genotype import Genotype


def build(
    genotype: Genotype | str | Path,
    layout: str = "cifar10",
    classes: int = 10,
    channels: int | None = None,
    cells: int | None = None,
    auxiliary: bool = False,
) -> Network:
    """Build the network of a genotype; weights are drawn from torch's global generator.

    Args:
        genotype: a `Genotype`, or a name, path or text that `resolve` reads.
        layout: "cifar10", "images64", "images128", "imagenet" or "nasbench201"; "resnet18" ignores
            genotype, channels and cells.
        classes: number of outputs.
        channels: channels of the first cell; None: as published for the layout.
        cells: number of cells (for NAS-Bench-201 per stage); None: as published for the layout.
        auxiliary: whether to add an auxiliary head.

    Raises:
        InputError: the genotype is unknown, or an argument does not fit the layout.
    """
    if layout == "resnet18":
        return ResNet18(classes)
    frame = find_layout(layout)
    genotype = resolve(genotype)
    if genotype.space != frame.family:
        raise InputError(
            f"layout {layout!r} takes cells of {frame.family}, the genotype is of {genotype.space}"
        )
    if auxiliary and not frame.auxiliary:
        raise InputError(f"layout {layout!r} has no auxiliary head: set auxiliary_weight to 0")
    channels = frame.channels if channels is None else channels
    cells = frame.cells if cells is None else cells
    if min(classes, channels, cells) < 1:
        raise InputError("network: classes, channels and cells must be 1 or more")
    if frame.family == "nasbench201":
        return NasBench201Network(genotype, classes, channels, cells)
    return DartsNetwork(genotype, classes, channels, cells, auxiliary, frame.stem_stride)


def build_seeded(
    seed: int,
    genotype: Genotype,
    layout: str,
    classes: int,
    channels: int,
    cells: int,
    auxiliary: bool,
) -> Network:
    """Call `build` with weights drawn from `seed`, without changing torch's random state."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seeds.derive(seed, "network"))
        return build(genotype, layout, classes, channels, cells, auxiliary)
