"""A cell that holds every operation on every edge.

    state j = Σ_(i, j) Σ_o w_o(i, j) o(state i)    (DARTS, Liu et al., ICLR 2019, Eqs. 1 and 2)

In PC-DARTS (Xu et al., ICLR 2020, section 3.2) only the first 1/k of the channels pass through the
operations. The other channels bypass them, and a shuffle mixes the two groups of channels. Each
edge may also have a weight (section 3.3).
"""
# Tested in tests/supernet/test_coalition.py.

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.spaces import Space
from pipeline.spaces.operations import Zero, make

Present = list[Any] | None
Edges = tuple[tuple[int, int], ...]  # (edge, source state)
POOLING = (nn.MaxPool2d, nn.AvgPool2d)


class MixedOperation(nn.Module):
    """The weighted sum of an edge's operations; with stride 2, height and width are halved.

    If `pool_batch_norm` is true, a batch norm without affine parameters follows each pooling.
    """

    def __init__(
        self, names: Sequence[str], channels: int, stride: int, pool_batch_norm: bool = False
    ) -> None:
        super().__init__()
        self.names = tuple(names)
        operations = [make(name, channels, stride, affine=False) for name in names]
        if pool_batch_norm:
            operations = [
                nn.Sequential(operation, nn.BatchNorm2d(channels, affine=False))
                if isinstance(operation, POOLING)
                else operation
                for operation in operations
            ]
        self.operations = nn.ModuleList(operations)
        self.zero = Zero(stride)

    def forward(self, x: Tensor, mixing: Tensor, present: Present = None) -> Tensor:
        """Mix the operations: [b, c, h, w] -> [b, c, ceil(h / stride), ceil(w / stride)].

        `mixing` [operations] holds the weights. `present`, bool [operations], says which operations
        are computed (None: all); the others must have weight zero.
        """
        terms = [
            weight * operation(x)
            for o, (weight, operation) in enumerate(zip(mixing, self.operations, strict=True))
            if present is None or present[o]
        ]
        return total(terms) if terms else self.zero(x)


class MixedCell(nn.Module):
    """A cell of a supernet: maps its input states to the concatenation of its nodes.

    Tests compare the fast code (`fast/cell.py`) with this readable code.

    Args:
        space: edges and operations.
        cell_type: index into the space's cell types.
        channels: channels of each state.
        partial: k; 1/k of the channels pass through the operations.
        reduction: whether edges from the inputs of the cell have stride 2.
        pool_batch_norm: as in `MixedOperation`.
    """

    def __init__(
        self,
        space: Space,
        cell_type: int,
        channels: int,
        partial: int,
        reduction: bool = False,
        pool_batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.incoming = {node: space.incoming(node) for node in space.nodes}
        self.concat = space.concat
        self.partial, self.n_mixed = partial, channels // partial
        self.mixed = nn.ModuleList(
            MixedOperation(
                names,
                self.n_mixed,
                2 if reduction and source < space.n_inputs else 1,
                pool_batch_norm,
            )
            for (_, source), names in zip(space.edges, space.operations[cell_type], strict=True)
        )
        # If the operations halve the image, the bypassing channels are pooled.
        self.halve = nn.MaxPool2d(2, ceil_mode=True) if reduction else nn.Identity()

    def forward(
        self,
        inputs: Sequence[Tensor],
        mixing: Tensor,
        present: Present = None,
        edge_weights: Tensor | None = None,
    ) -> Tensor:
        """Compute all nodes in order.

        Args:
            inputs: states [b, channels, h, w].
            mixing: [edges, operations], already multiplied by the edge weights.
            present: [edges][operations], as in `MixedOperation`.
            edge_weights: [edges], weights of the channels that bypass operations; None: all are 1.

        Returns:
            [b, nodes in `concat` * channels, h, w]; a reduction cell halves h and w.
        """
        states = list(inputs)
        passed = self.pass_by(inputs)
        for edges in self.incoming.values():
            mixed = total(
                self.mixed[e](states[source][:, : self.n_mixed], mixing[e], present and present[e])
                for e, source in edges
            )
            states.append(self.shuffle_in(mixed, edges, passed, edge_weights))
        return torch.cat([states[state] for state in self.concat], dim=1)

    def pass_by(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The channels of the inputs that bypass the operations."""
        return [self.halve(x[:, self.n_mixed :]) for x in inputs] if self.partial > 1 else []

    def shuffle_in(
        self, mixed: Tensor, edges: Edges, passed: list[Tensor], edge_weights: Tensor | None
    ) -> Tensor:
        """The state of a node: channels mixed by operations, and channels that bypassed them.

        `mixed` sums the outputs of the operations on the node's edges. `passed` lists the bypassing
        channels of each earlier state; this method appends those of the new state.
        """
        if self.partial == 1:
            return mixed
        bypass = total(
            passed[source] if edge_weights is None else passed[source] * edge_weights[e]
            for e, source in edges
        )
        state = F.channel_shuffle(torch.cat([mixed, bypass], dim=1), self.partial)
        passed.append(state[:, self.n_mixed :])
        return state


def total(terms: Iterable[Tensor]) -> Tensor:
    """The sum of at least one tensor, in order."""
    return reduce(add, terms)
