"""Discrete networks of NAS-Bench-201 (Dong & Yang, ICLR 2020, section 2.1, figure 1).

A network has three stages of N cells each, with C, 2C and 4C channels. A residual block of stride 2
connects each stage to the next.
"""
# Tested in tests/published/test_network_counts.py.

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from pipeline.networks.network import Network, Nodes
from pipeline.spaces.genotype import Genotype
from pipeline.spaces.operations import conv_bn, make, three_stages


class NasBench201Network(Network):
    """Stem, three stages of `cells` cells (`channels` channels in the first), classifier."""

    def __init__(self, genotype: Genotype, classes: int, channels: int, cells: int) -> None:
        super().__init__(classes, channels, cells)
        self.stem = conv_bn(3, channels)
        self.stack = three_stages(channels, cells, partial(NasBench201Cell, genotype))
        self.head = nn.Sequential(nn.BatchNorm2d(4 * channels), nn.ReLU())
        self.classifier = nn.Linear(4 * channels, classes)

    def features(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The output of the last cell after a batch norm and ReLU."""
        x, keep = self.stem(images), self.keep_paths()
        for part in self.stack:
            x = part(x, keep) if isinstance(part, NasBench201Cell) else part(x)
        return self.head(x), None


class NasBench201Cell(nn.Module):
    """A cell with a single input; its output is its last node."""

    def __init__(self, genotype: Genotype, channels: int) -> None:
        super().__init__()
        self.nodes = Nodes(genotype.cells["cell"], lambda name, _: make(name, channels, stride=1))

    def forward(self, x: Tensor, keep: Tensor | None) -> Tensor:
        """Map [b, channels, h, w] to the same shape."""
        output: Tensor = self.nodes([x], keep)[-1]
        return output
