"""The supernet of DARTS (Liu et al., ICLR 2019, section 3).

The inputs of a cell are the outputs of the two cells before it. The cells at one and two thirds of
the depth halve the image size and double the channels. The stem, for CIFAR or for ImageNet, has
three times as many channels as the first cell. Partial channels are those of PC-DARTS (Xu et al.,
ICLR 2020).
"""
# Tested in tests/published/test_supernet_counts.py.

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from pipeline.config.recipes import SupernetSettings
from pipeline.spaces import Space
from pipeline.spaces.operations import (
    STEM_MULTIPLIER,
    CellShape,
    conv_bn,
    darts_cells,
    imagenet_stem,
)
from pipeline.supernet.cell import MixedCell, Present
from pipeline.supernet.fast.cell import FusedCell
from pipeline.supernet.fast.reuse import ActivationCache
from pipeline.supernet.supernet import Supernet

NORMAL, REDUCE = 0, 1

States = tuple[Tensor, Tensor]


class DartsSupernet(Supernet):
    """Stem, cells, classifier."""

    def __init__(self, space: Space, settings: SupernetSettings, classes: int) -> None:
        super().__init__(space, settings, classes)
        stem = STEM_MULTIPLIER * settings.channels
        imagenet, n_concat = space.stem == "imagenet", len(space.concat)
        self.stem = nn.ModuleList(
            imagenet_stem(stem) if imagenet else [conv_bn(3, stem), nn.Identity()]
        )
        shapes = [*darts_cells(settings.channels, settings.cells, stem, imagenet, n_concat)]
        self.cells = nn.ModuleList(DartsSupernetCell(space, settings, shape) for shape in shapes)
        self.classifier = nn.Linear(n_concat * shapes[-1].channels, classes)

    def features(
        self,
        images: Tensor,
        mixing: Tensor,
        present: Present,
        edge_weights: Tensor | None,
        cache: ActivationCache | None,
    ) -> Tensor:
        """The output of the last cell."""
        run = self.cell_runner()
        start = self.settings.cells // 3  # the first reduction

        def pass_on(cells: Iterable[nn.Module], before: Tensor, last: Tensor) -> States:
            for cell in cells:
                before, last = last, run(cell, before, last, mixing, present, edge_weights)
            return before, last

        def run_normal_cells() -> States:
            before = self.stem[0](images)
            return pass_on([*self.cells][:start], before, self.stem[1](before))

        if cache is None:
            states = run_normal_cells()
        else:
            depends_on = tuple(mixing[NORMAL].flatten().tolist())
            states = cache.get("normal cells", depends_on, run_normal_cells)
        return pass_on([*self.cells][start:], *states)[1]


class DartsSupernetCell(nn.Module):
    """Brings both inputs to the same shape and applies the mixed cell."""

    def __init__(self, space: Space, settings: SupernetSettings, shape: CellShape) -> None:
        super().__init__()
        self.cell_type = REDUCE if shape.reduction else NORMAL
        self.first, self.second = shape.adapters(affine=False)
        make_cell = FusedCell if settings.fused else MixedCell
        self.cell = make_cell(
            space,
            self.cell_type,
            shape.channels,
            settings.partial_channels,
            shape.reduction,
            settings.pool_batch_norm,
        )

    def forward(
        self,
        before: Tensor,
        last: Tensor,
        mixing: Tensor,
        present: Present,
        edge_weights: Tensor | None,
    ) -> Tensor:
        """Map the outputs of the two previous cells to the output of this cell."""
        t = self.cell_type
        inputs = [self.first(before), self.second(last)]
        of_type = None if edge_weights is None else edge_weights[t]
        output: Tensor = self.cell(inputs, mixing[t], present and present[t], of_type)
        return output
