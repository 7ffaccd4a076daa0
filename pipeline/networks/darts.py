"""Discrete networks of the DARTS family (Liu et al., ICLR 2019, sections 3.2, 3.4, appendix A).

The stem for CIFAR is a 3 x 3 convolution with three times as many output channels as the first cell
has. The stem for ImageNet is three convolutions of stride 2. The cells at 1/3 and 2/3 of the depth
are reduction cells. They halve height and width and double the channels.

Deviations: images of about 64 pixels get CIFAR's stem with stride 2, and images of about 128 pixels
the first two convolutions of ImageNet's stem. Our auxiliary head accepts feature maps of any size;
for 8 x 8 (CIFAR) and 7 x 7 (ImageNet) it equals the head of DARTS.
"""
# Tested in tests/networks/test_assembly.py.

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.networks.network import Network, Nodes
from pipeline.spaces.genotype import Genotype
from pipeline.spaces.operations import (
    STEM_MULTIPLIER,
    CellShape,
    conv_bn,
    darts_cells,
    imagenet_stem,
    make,
)

IMAGENET_STRIDE = 8


class DartsNetwork(Network):
    """Stem, cells, classifier.

    `channels` is the number of channels in the first cell. `stem_stride` is 1 for CIFAR, 8 for
    ImageNet, and 2 or 4 for image sizes in between.
    """

    def __init__(
        self,
        genotype: Genotype,
        classes: int,
        channels: int,
        cells: int,
        auxiliary: bool,
        stem_stride: int,
    ) -> None:
        super().__init__(classes, channels, cells)
        imagenet = stem_stride == IMAGENET_STRIDE
        self.stem, width = make_stem(channels, stem_stride)
        self.stack = nn.ModuleList()
        self.n_until_auxiliary = 2 * cells // 3 + 1
        for shape in darts_cells(channels, cells, width, imagenet, len(genotype.concat)):
            self.stack.append(DartsCell(genotype, shape))
            width = len(genotype.concat) * shape.channels
            if auxiliary and len(self.stack) == self.n_until_auxiliary:
                self.auxiliary = AuxiliaryHead(width, classes, final_norm=not imagenet)
        self.classifier = nn.Linear(width, classes)

    def features(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The outputs of the last cell and of the second reduction cell."""
        before = self.stem[0](images)
        last = self.stem[1](before)
        keep, middle = self.keep_paths(), None
        for i, cell in enumerate(self.stack):
            before, last = last, cell(before, last, keep)
            if i + 1 == self.n_until_auxiliary:
                middle = last
        return last, middle


def make_stem(channels: int, stride: int) -> tuple[nn.ModuleList, int]:
    """The two modules whose outputs enter the first cell, and their number of channels."""
    if stride < 4:
        wide = STEM_MULTIPLIER * channels
        return nn.ModuleList([conv_bn(3, wide, stride), nn.Identity()]), wide
    first, second = imagenet_stem(channels)
    return nn.ModuleList([first, second if stride == IMAGENET_STRIDE else nn.Identity()]), channels


class DartsCell(nn.Module):
    """Brings both inputs to the same shape, computes the nodes and concatenates them."""

    def __init__(self, genotype: Genotype, shape: CellShape) -> None:
        super().__init__()
        self.first, self.second = shape.adapters()
        self.concat = genotype.concat

        def make_operation(name: str, source: int) -> nn.Module:
            halves = shape.reduction and source < len(shape.n_in)
            return make(name, shape.channels, stride=2 if halves else 1)

        cell = genotype.cells["reduce" if shape.reduction else "normal"]
        self.nodes = Nodes(cell, make_operation)

    def forward(self, before: Tensor, last: Tensor, keep: Tensor | None) -> Tensor:
        """Map the outputs of the two previous cells to the output of this cell."""
        states = self.nodes([self.first(before), self.second(last)], keep)
        return torch.cat([states[state] for state in self.concat], dim=1)


class AuxiliaryHead(nn.Module):
    """A second classifier after the second reduction cell, for training only.

    `final_norm` adds a batch norm after the last convolution, as in DARTS for CIFAR.
    """

    def __init__(self, n_in: int, classes: int, final_norm: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(n_in, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.BatchNorm2d(768) if final_norm else nn.Identity(),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(768, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map [b, n_in, h, w] to logits [b, classes]."""
        logits: Tensor = self.classifier(self.layers(pool_to_quarters(F.relu(x))))
        return logits


def pool_to_quarters(x: Tensor) -> Tensor:
    """Average-pool [b, c, h, w] to [b, c, 2, 2] with overlapping windows.

    As in DARTS, a side of 8 pixels is pooled with size 5 and stride 3, and a side of 7 with size 5
    and stride 2.
    """
    sides = x.shape[2:]
    if min(sides) < 2:
        return F.adaptive_avg_pool2d(x, 2)
    strides = [max(1, 3 * side // 8) for side in sides]
    windows = [side - stride for side, stride in zip(sides, strides, strict=True)]
    return F.avg_pool2d(x, windows, strides)
