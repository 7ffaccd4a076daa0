"""The supernet of NAS-Bench-201 (Dong & Yang, ICLR 2020, figure 1).

Three stages of N cells with C, 2C and 4C channels; a residual block of stride 2 between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from pipeline.spaces.operations import ResNetBlock
from pipeline.spaces.stems import conv_bn
from pipeline.supernet.beginning import Beginning
from pipeline.supernet.cell import MixedCell, Present
from pipeline.supernet.fused import FusedCell
from pipeline.supernet.supernet import Supernet

if TYPE_CHECKING:
    from pipeline.config.recipes import SupernetSettings
    from pipeline.spaces import Space

STAGES = 3


class NasBench201Supernet(Supernet):
    """Stem, three stages, classifier."""

    compiles = True

    def __init__(self, space: Space, settings: SupernetSettings, classes: int) -> None:
        super().__init__(space, settings, classes)
        channels = settings.channels
        self.stem = conv_bn(3, channels)
        self.stages = nn.ModuleList()
        for stage in range(STAGES):
            if stage:
                self.stages.append(ResNetBlock(channels, 2 * channels))
                channels *= 2
            for _ in range(settings.cells):
                make_cell = FusedCell if settings.fused else MixedCell
                self.stages.append(make_cell(space, 0, channels, settings.partial_channels))
        self.head = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.classifier = nn.Linear(channels, classes)

    def features(
        self,
        images: Tensor,
        weights: Tensor,
        present: Present,
        edge_weights: Tensor | None,
        beginning: Beginning | None,
    ) -> Tensor:
        """The output of the last cell, normalised and rectified."""
        x, run = self.stem(images), self.cell_runner()
        own = None if edge_weights is None else edge_weights[0]
        for part in self.stages:
            if isinstance(part, MixedCell):
                x = run(part, [x], weights[0], present and present[0], own)
            else:
                x = part(x)
        output: Tensor = self.head(x)
        return output
