"""The network that holds every architecture of a space.

Shapley-NAS (Xiao et al., CVPR 2022, section 3.1): all operations of an edge are computed and
summed with the mixing weights of `mixture`. The supernet knows no alpha and no coalition: both
reach it as weights. Batch norms inside cells are not affine and none follows a pooling; those of
the stem, the residual blocks and the head are. With that the parameters of the published search
networks come out exactly (tests/published).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.errors import InputError
from pipeline.supernet.cell import MixedCell, Present
from pipeline.supernet.checkpointing import checkpointed

if TYPE_CHECKING:
    from pipeline.config.recipes import SupernetSettings
    from pipeline.spaces import Space

# Shapes of cells times batch sizes: torch's own limit of graphs a function is too small.
COMPILED_GRAPHS = 64


class Supernet(nn.Module):
    """A supernet; each family of spaces is a subclass.

    Attributes:
        space: edges, operations, order of the players.
        settings: channels, cells, partial channels, memory format, compilation.
        classes: outputs.
    """

    classifier: nn.Linear
    train_cell: Callable[..., Tensor]

    def __init__(self, space: Space, settings: SupernetSettings, classes: int) -> None:
        super().__init__()
        self.space, self.settings, self.classes = space, settings, classes
        self.train_cell = call

    @abstractmethod
    def features(self, images: Tensor, weights: Tensor, present: Present) -> Tensor:
        """The last feature map [b, c, h, w].

        Args:
            images: [b, 3, h, w].
            weights: [cell types, edges, operations].
            present: which operations to compute, of the same shape; None: all.
        """

    def forward(self, images: Tensor, weights: Tensor) -> Tensor:
        """Classify images.

        Args:
            images: [b, 3, h, w], from 8 x 8 upwards.
            weights: [n_players] mixing weights; where one is zero the operation adds nothing.

        Returns:
            logits [b, classes].
        """
        if self.settings.image_size:
            images = averaged_down(images, self.settings.image_size)
        if self.settings.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        table = weights.view(
            len(self.space.cell_types), len(self.space.edges), self.space.n_operations
        )
        maps = self.features(images, table, self._present(table))
        return self.classifier(maps.mean(dim=(2, 3)))

    def cell_runner(self) -> Callable[..., Tensor]:
        """What calls a cell: (cell, *arguments) -> its output."""
        if not torch.is_grad_enabled():
            return call
        return (
            partial(checkpointed, self.train_cell) if self.settings.checkpoint else self.train_cell
        )

    def _present(self, table: Tensor) -> Present:
        """Where no gradient is asked for, operations of weight zero are not computed.

        Under a gradient a weight of zero still has a derivative, and a compiled graph is made
        for all operations once rather than for each coalition.
        """
        if torch.is_grad_enabled():
            return None
        present: list[list[list[bool]]] = (table != 0).tolist()
        return present


def averaged_down(images: Tensor, size: int) -> Tensor:
    """Images [b, 3, h, h] of `size` pixels a side, each the mean of those that it covers.

    Raises:
        InputError: the images are smaller.
    """
    if size > images.shape[-1]:
        raise InputError(
            f"supernet.image_size: {size}, but images of {images.shape[-1]} pixels; "
            "give a smaller one, or 0"
        )
    return F.adaptive_avg_pool2d(images, size)


def call(cell: nn.Module, *arguments: Any) -> Tensor:
    """Call a cell."""
    output: Tensor = cell(*arguments)
    return output


def compiled_cell() -> Callable[..., Tensor]:
    """What calls a cell in a training step, compiled.

    It is the readable form that is compiled: stacking by hand stands in the compiler's way.
    """
    import torch._dynamo

    from pipeline.training.device import compiled

    torch._dynamo.config.recompile_limit = COMPILED_GRAPHS
    return compiled(MixedCell.forward)
