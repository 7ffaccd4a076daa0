"""Trains many NAS-Bench-201 networks as a single network with grouped convolutions.

The channels of the K networks are concatenated: features are [b, K·C, h, w], where C is the number
of channels of one network. The networks share only the images, so the sum of their losses trains
each network as if it were alone.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.nasbench.cells import EDGES, OPERATIONS
from pipeline.spaces.operations import ReLUConvBN, conv_bn, three_stages


class StackedNetworks(nn.Module):
    """K networks of the layout `networks.nasbench201`, one per row of `codes`, uint8[K, 6]."""

    def __init__(self, codes: NDArray[np.uint8], classes: int, channels: int, cells: int) -> None:
        super().__init__()
        self.k = k = len(codes)
        self.stem = conv_bn(3, k * channels)
        self.stack = three_stages(channels, cells, partial(StackedCell, codes), groups=k)
        channels *= 4
        self.head = nn.Sequential(nn.BatchNorm2d(k * channels), nn.ReLU())
        bound = 1 / math.sqrt(channels)  # as nn.Linear draws weight and bias
        self.weight = nn.Parameter(torch.empty(k, classes, channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(k, classes).uniform_(-bound, bound))

    def forward(self, images: Tensor) -> Tensor:
        """Images [b, 3, h, w] -> logits [b, K, classes]."""
        x = self.stem(images)
        for part in self.stack:
            x = part(x)
        features = self.head(x).mean(dim=(2, 3)).view(len(images), self.k, -1)
        return torch.einsum("bkc,knc->bkn", features, self.weight) + self.bias


class StackedCell(nn.Module):
    """A cell of all K networks."""

    def __init__(self, codes: NDArray[np.uint8], channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList(StackedEdge(codes[:, e], channels) for e in range(len(EDGES)))

    def forward(self, x: Tensor) -> Tensor:
        """[b, K·C, h, w] -> the same shape."""
        states = [x]
        for node in (1, 2, 3):
            incoming = [(e, source) for e, (n, source) in enumerate(EDGES) if n == node]
            states.append(sum(self.edges[e](states[source]) for e, source in incoming))
        return states[-1]


class StackedEdge(nn.Module):
    """One edge of all networks."""

    order: Tensor
    back: Tensor

    def __init__(self, operations: NDArray[np.uint8], channels: int) -> None:
        super().__init__()
        order = np.argsort(operations, kind="stable")
        self.register_buffer("order", torch.from_numpy(order), persistent=False)
        self.register_buffer("back", torch.from_numpy(np.argsort(order)), persistent=False)
        self.counts = [int((operations == o).sum()) for o in range(len(OPERATIONS))]
        self.channels = channels
        _, _, n_1x1, n_3x3, _ = self.counts
        self.conv_1x1, self.conv_3x3 = (
            ReLUConvBN(n * channels, n * channels, kernel, groups=n) if n else None
            for n, kernel in ((n_1x1, 1), (n_3x3, 3))
        )
        self.pool = nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        """[b, K·C, h, w] -> the same shape."""
        b, _, h, w = x.shape
        by_network = x.view(b, -1, self.channels, h, w)[:, self.order]
        outputs = [
            operation(part.reshape(b, -1, h, w)).view(part.shape)
            for operation, part in zip(
                (torch.zeros_like, nn.Identity(), self.conv_1x1, self.conv_3x3, self.pool),
                by_network.split(self.counts, dim=1),
                strict=True,
            )
            if operation is not None and part.shape[1]
        ]
        return torch.cat(outputs, dim=1)[:, self.back].view(x.shape)
