"""The network that contains every architecture of a space.

As in Shapley-NAS (Xiao et al., CVPR 2022, section 3.1), the output of an edge is the weighted sum
of all its operations. Batch norms are affine in the stem, the residual blocks and the head, but not
inside cells. The supernet has as many parameters as the published search networks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property, partial
from operator import call

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.config.recipes import SupernetSettings
from pipeline.errors import InputError
from pipeline.registry import resolve
from pipeline.seeds import derive
from pipeline.spaces import Space
from pipeline.supernet.cell import Present
from pipeline.supernet.fast.reuse import ActivationCache
from pipeline.supernet.fast.running import checkpointed, compiled_cell


def build_supernet(space: Space, settings: SupernetSettings, classes: int, seed: int) -> Supernet:
    """Build the supernet of a space on the CPU; the seed determines its weights.

    Raises:
        InputError: `partial_channels` does not divide `channels`.
    """
    if settings.channels % settings.partial_channels:
        raise InputError(
            f"supernet.partial_channels: {settings.partial_channels} does not divide "
            f"supernet.channels ({settings.channels}); choose a divisor"
        )
    supernet_class: type[Supernet] = resolve(space.supernet_class)
    with torch.random.fork_rng(devices=[]):  # the weights are drawn on the CPU
        torch.default_generator.manual_seed(derive(seed, "supernet"))
        supernet = supernet_class(space, settings, classes)
    return supernet.to(memory_format=torch.channels_last) if settings.channels_last else supernet


class Supernet(nn.Module):
    """A supernet; each family of spaces is a subclass.

    Attributes:
        space: edges, operations, order of the players.
        settings: channels, cells, partial channels, memory format, compilation.
        classes: number of outputs.
        beta: edge parameters [cell types, edges], or None without edge normalisation.
        compiles: whether its cells run faster when compiled.
    """

    classifier: nn.Linear
    beta: nn.Parameter | None
    compiles = False

    def __init__(self, space: Space, settings: SupernetSettings, classes: int) -> None:
        super().__init__()
        self.space, self.settings, self.classes = space, settings, classes
        beta = torch.zeros(len(space.cell_types), len(space.edges))
        self.beta = nn.Parameter(beta) if settings.edge_normalisation else None

    @abstractmethod
    def features(
        self,
        images: Tensor,
        mixing: Tensor,
        present: Present,
        edge_weights: Tensor | None,
        cache: ActivationCache | None,
    ) -> Tensor:
        """The last feature map [b, c, h, w].

        Args:
            images: [b, 3, h, w].
            mixing: [cell types, edges, operations].
            present: which operations to compute, indexed like `mixing`; None: all.
            edge_weights: [cell types, edges], weights of the channels that bypass the operations;
                None: no edge normalisation. `mixing` already includes the edge weights.
            cache: as in `forward`.
        """

    def forward(
        self, images: Tensor, mixing: Tensor, cache: ActivationCache | None = None
    ) -> Tensor:
        """Classify images.

        Args:
            images: [b, 3, h, w], at least 8 x 8.
            mixing: [n_players], the mixing weights; zero removes an operation.
            cache: activations of these images for later calls; ignored if gradients are enabled.

        Returns:
            logits [b, classes].
        """
        if cache is None or torch.is_grad_enabled():
            cache = None
            images = self.resized(images)
        else:
            cache.clear_if_trained(self)
            images = cache.get("images", (), partial(self.resized, images))
        table = mixing.view(
            len(self.space.cell_types), len(self.space.edges), self.space.n_operations
        )
        present, edge_weights = self._present(table), self.edge_weights()
        if edge_weights is not None:
            table = table * edge_weights[:, :, None]
        maps = self.features(images, table, present, edge_weights, cache)
        return self.classifier(maps.mean(dim=(2, 3)))

    def resized(self, images: Tensor) -> Tensor:
        """Images in the size and memory format of the settings."""
        if self.settings.image_size:
            images = averaged_down(images, self.settings.image_size)
        if self.settings.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images

    def edge_weights(self) -> Tensor | None:
        """softmax(beta) over the edges into each node, [cell types, edges] (PC-DARTS, Eq. 3)."""
        if self.beta is None:
            return None
        incoming = ([e for e, _ in self.space.incoming(node)] for node in self.space.nodes)
        return torch.cat([self.beta[:, edges].softmax(1) for edges in incoming], dim=1)

    def cell_runner(self) -> Callable[..., Tensor]:
        """The function that calls a cell: (cell, *arguments) -> its output."""
        if not torch.is_grad_enabled():
            return call
        checkpoints = self.settings.checkpoint
        return partial(checkpointed, self.train_cell) if checkpoints else self.train_cell

    @cached_property
    def train_cell(self) -> Callable[..., Tensor]:
        """The function that calls a cell in training."""
        # The search has replaced `auto` by True or False, because it knows its number of steps.
        if not (self.compiles and self.settings.compile is True):
            return call
        return compiled_cell(self.classifier.weight.device)

    def _present(self, table: Tensor) -> Present:
        """Which operations have nonzero weight; None (compute all) if gradients are enabled."""
        if torch.is_grad_enabled():  # even a zero weight needs a gradient
            return None
        present: list[list[list[bool]]] = (table != 0).tolist()
        return present


def averaged_down(images: Tensor, size: int) -> Tensor:
    """Reduce images [b, 3, h, h] to `size` pixels per side by averaging over areas.

    Raises:
        InputError: the images are smaller than `size`.
    """
    if size > images.shape[-1]:
        raise InputError(
            f"supernet.image_size: {size}, but images of {images.shape[-1]} pixels; "
            "give a smaller one, or 0"
        )
    return F.adaptive_avg_pool2d(images, size)
