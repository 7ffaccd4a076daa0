"""The cell of a supernet; operations of the same name are computed together, not one by one.

Modules, state dictionary and results are those of `MixedCell`.

- Operations with the same name on g edges that leave a state are computed as one operation, with
  weights and batch norms stacked along the channels.
- Pooling is computed once per state, and faster than in torch (`pooling.py`).
- The mixing weights are applied as scales of the last batch norms.
- Depthwise convolutions have a special backward pass (`depthwise.py`).
- Operations that are not present, and `none`, are not computed.
- In evaluation with running statistics, a dense convolution with its batch norm (`nor_conv_1x1`,
  `nor_conv_3x3`) is a linear map. The kernels of all such maps between the same two states are
  summed.

Operations that are not chains of ReLU, convolution and batch norm are called one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.spaces import Space
from pipeline.spaces.operations import Zero
from pipeline.supernet.cell import POOLING, MixedCell, Present, total
from pipeline.supernet.fast.chains import as_kernel, is_chain, is_linear, run_chains
from pipeline.supernet.fast.depthwise import memory_format
from pipeline.supernet.fast.pooling import pool

Term = tuple[Tensor | None, Tensor]  # mixing weight (None: already applied), [b, m, h, w]


@dataclass
class Stack:
    """Operations of one name on the edges that leave a state."""

    operations: list[Any]  # [g] modules
    mixing: Tensor  # [g] mixing weights
    targets: tuple[int, ...]  # [g] nodes at the other ends


class FusedCell(MixedCell):
    """A faster `MixedCell`."""

    mixed: Any  # `MixedOperation` modules

    def __init__(self, space: Space, *arguments: Any, **options: Any) -> None:
        super().__init__(space, *arguments, **options)
        self.n_inputs = space.n_inputs
        self.outgoing: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for e, (target, source) in enumerate(space.edges):
            self.outgoing[source].append((e, target))

    def forward(
        self,
        inputs: Sequence[Tensor],
        mixing: Tensor,
        present: Present = None,
        edge_weights: Tensor | None = None,
    ) -> Tensor:
        """Same as `MixedCell.forward`."""
        states = list(inputs)
        passed = self.pass_by(inputs)
        terms: dict[int, list[Term]] = defaultdict(list)
        for source in range(self.n_inputs):
            self.add_outgoing(source, states[source], mixing, present, terms)
        for node, edges in self.incoming.items():
            zero = self.mixed[edges[0][0]].zero
            mixed = weighted_total(terms[node] or [(None, zero(inputs[0][:, : self.n_mixed]))])
            states.append(self.shuffle_in(mixed, edges, passed, edge_weights))
            self.add_outgoing(node, states[node], mixing, present, terms)
        return torch.cat([states[state] for state in self.concat], dim=1)

    def add_outgoing(
        self,
        source: int,
        state: Tensor,
        mixing: Tensor,
        present: Present,
        terms: dict[int, list[Term]],
    ) -> None:
        """Add to `terms` what a state contributes to each later node."""
        stacks = self.stacks(source, mixing, present)
        if not stacks:
            return
        x = state
        if self.partial > 1:
            x = x[:, : self.n_mixed].contiguous(memory_format=memory_format(state))
        rectified = F.relu(x)
        copies = cache(lambda g: torch.cat([rectified] * g, dim=1))
        sums: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
        linear: list[Stack] = []
        for stack in stacks:
            first = stack.operations[0]
            if is_linear(first):
                linear.append(stack)
            elif is_chain(first):
                y = run_chains(stack.operations, rectified, copies, stack.mixing)
                sums[stack.targets].append(y)
            elif not isinstance(first, Zero):
                call_each(stack, x, terms)
        for targets, y in run_linear(linear, rectified):
            sums[targets].append(y)
        for targets, stacked in sums.items():
            for target, y in zip(targets, total(stacked).chunk(len(targets), dim=1), strict=True):
                terms[target].append((None, y))

    def stacks(self, source: int, mixing: Tensor, present: Present) -> list[Stack]:
        """The operations to compute from a state, grouped by name."""
        members: dict[str, list[tuple[Any, int, int, int]]] = defaultdict(list)
        for e, target in self.outgoing[source]:
            mixed = self.mixed[e]
            for o, (name, operation) in enumerate(zip(mixed.names, mixed.operations, strict=True)):
                if present is None or present[e][o]:
                    members[name].append((operation, e, o, target))
        stacks = []
        for alike in members.values():
            operations, edges, numbers, targets = zip(*alike, strict=True)
            stacks.append(Stack([*operations], mixing[[*edges], [*numbers]], targets))
        return stacks


def weighted_total(terms: Sequence[Term]) -> Tensor:
    """The weighted sum of terms, in one pass over memory for each."""
    plain = [y for weight, y in terms if weight is None]
    weighted = [(weight, y) for weight, y in terms if weight is not None]
    if not plain:
        (weight, y), *weighted = weighted
        plain = [weight * y]
    return reduce(lambda x, term: torch.addcmul(x, *term), weighted, total(plain))


def call_each(stack: Stack, x: Tensor, terms: dict[int, list[Term]]) -> None:
    """Call operations one by one, but pooling only once, since it is the same on every edge."""
    first = stack.operations[0]
    normalised = isinstance(first, nn.Sequential) and isinstance(first[0], POOLING)
    pooling = first[0] if normalised else first
    shared = pool(pooling, x) if isinstance(pooling, POOLING) else None
    for target, weight, operation in zip(
        stack.targets, stack.mixing, stack.operations, strict=True
    ):
        if shared is None:
            y = operation(x)
        elif normalised:
            y = operation[1](shared)
        else:
            y = shared
        terms[target].append((weight, y))


def run_linear(stacks: Sequence[Stack], rectified: Tensor) -> list[tuple[tuple[int, ...], Tensor]]:
    """Apply the linear maps from one state to later nodes, with one summed kernel for each node.

    Returns:
        for each kernel size, the g nodes with this size, and their outputs [b, g * m, h, w], with m
        channels per node.
    """
    chains: dict[int, list[tuple[Any, Tensor]]] = defaultdict(list)
    for stack in stacks:
        for target, chain, weight in zip(
            stack.targets, stack.operations, stack.mixing, strict=True
        ):
            chains[target].append((chain, weight))
    nodes: dict[int, list[int]] = defaultdict(list)  # by the largest kernel on their edges
    for target, members in chains.items():
        nodes[max(chain[1].kernel_size[0] for chain, _ in members)].append(target)
    outputs = []
    for side, targets in nodes.items():
        kernels = [[as_kernel(c, w, side) for c, w in chains[target]] for target in targets]
        kernel = torch.cat([total(k for k, _ in members) for members in kernels])
        bias = torch.cat([total(b for _, b in members) for members in kernels])
        outputs.append((tuple(targets), F.conv2d(rectified, kernel, bias, padding=side // 2)))
    return outputs
