"""The supernet of NAS-Bench-201 (Dong & Yang, ICLR 2020, figure 1).

It has three stages of N cells each, with C, 2C and 4C channels. A residual block of stride 2
connects each stage to the next.
"""
# Tested in tests/published/test_supernet_counts.py.

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn

from pipeline.config.recipes import SupernetSettings
from pipeline.spaces import Space
from pipeline.spaces.operations import conv_bn, three_stages
from pipeline.supernet.cell import MixedCell, Present
from pipeline.supernet.fast.cell import FusedCell
from pipeline.supernet.fast.reuse import ActivationCache, run_cached
from pipeline.supernet.supernet import Supernet


class NasBench201Supernet(Supernet):
    """Stem, three stages, classifier."""

    compiles = True

    def __init__(self, space: Space, settings: SupernetSettings, classes: int) -> None:
        super().__init__(space, settings, classes)
        channels = settings.channels
        self.stem = conv_bn(3, channels)
        cell_class = FusedCell if settings.fused else MixedCell
        make_cell = partial(cell_class, space, 0, partial=settings.partial_channels)
        self.stages = three_stages(channels, settings.cells, make_cell)
        self.head = nn.Sequential(nn.BatchNorm2d(4 * channels), nn.ReLU())
        self.classifier = nn.Linear(4 * channels, classes)

    def features(
        self,
        images: Tensor,
        mixing: Tensor,
        present: Present,
        edge_weights: Tensor | None,
        cache: ActivationCache | None,
    ) -> Tensor:
        """The output of the last cell after a batch norm and ReLU."""
        run, table = self.cell_runner(), mixing[0]
        chosen = present and present[0]
        of_edges = None if edge_weights is None else edge_weights[0]
        parts: list[Any] = [*self.stages]
        if cache is None or not self.caches_first_cell:
            x = self.stem(images)
        else:
            x = cache.get("stem", (), partial(self.stem, images))
            x = run_cached(parts.pop(0), x, table, chosen, cache)
        for part in parts:
            is_cell = isinstance(part, MixedCell)
            x = run(part, [x], table, chosen, of_edges) if is_cell else part(x)
        output: Tensor = self.head(x)
        return output

    @property
    def caches_first_cell(self) -> bool:
        """Whether to cache the first cell's outputs; saves time only with one cell per stage."""
        settings = self.settings
        return settings.fused and settings.cells == 1 and settings.partial_channels == 1
