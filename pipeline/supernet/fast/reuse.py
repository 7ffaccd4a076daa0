"""What two coalitions have in common, computed once.

Where a cell's input is the same for all coalitions of a batch, so is what an operation makes of it.
In DARTS the cells before the first reduction know nothing of the reduction cell's players: half of
the removals of a walk are such players, and those cells have the largest images. In NAS-Bench-201
all cells share their players, but the first sees the stem's output always: a removal into its last
node leaves all its operations as they were (`remembered.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from pipeline.spaces.operations import Zero
from pipeline.supernet.cell import Present
from pipeline.supernet.fast.cell import SHARED, weighted_total
from pipeline.supernet.fast.pooling import pool

Result = TypeVar("Result")


class Beginning:
    """What has been computed of one batch of images.

    Whoever makes it uses it for this batch, one network and one policy of batch norms only.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Hashable, Any]] = {}
        self._parameters: list[nn.Parameter] = []
        self._versions: list[int] = []

    def of(self, network: nn.Module) -> Beginning:
        """Itself; empty if a weight of the network has changed since the last call."""
        self._parameters = self._parameters or [*network.parameters()]
        versions = [parameter._version for parameter in self._parameters]
        if versions != self._versions:
            self._known.clear()
            self._versions = versions
        return self

    def once(self, name: Hashable, depends_on: Hashable, compute: Callable[[], Result]) -> Result:
        """What `compute` gave at the last call of this name, if that depended on the same.

        Args:
            name: what it is.
            depends_on: what it follows from beside images and network, mixing weights say.
            compute: gives it.
        """
        if name not in self._known or self._known[name][0] != depends_on:
            self._known.pop(name, None)  # frees its memory first
            self._known[name] = depends_on, compute()
        result: Result = self._known[name][1]
        return result


def run_remembered(
    cell: Any, x: Tensor, weights: Tensor, present: Present, beginning: Beginning
) -> Tensor:
    """As `MixedCell.forward` for a cell of one input that is the same at each call.

    Args:
        cell: a `MixedCell` with all of its channels mixed (k = 1).
        x: [b, channels, h, w].
        weights: [edges, operations], edge weights included.
        present: [edges][operations], which to compute.
        beginning: keeps the outputs.
    """
    rows = [tuple(row) for row in weights.tolist()]
    states = [x]
    before: list[tuple[tuple[float, ...], ...]] = [()]  # weights of the edges up to each state
    for edges in cell.incoming.values():
        terms: list[tuple[Tensor | None, Tensor]] = []
        for e, source in edges:
            for o, operation in enumerate(cell.mixed[e].operations):
                if isinstance(operation, Zero) or not (present is None or present[e][o]):
                    continue
                # A pooling is the same on every edge.
                name = (source, type(operation)) if isinstance(operation, SHARED) else (e, o)
                compute = partial(pool, operation, states[source])
                terms.append((weights[e, o], beginning.once(name, before[source], compute)))
        states.append(weighted_total(terms) if terms else torch.zeros_like(x))
        before.append((*before[-1], *(rows[e] for e, _ in edges)))
    return torch.cat([states[state] for state in cell.concat], dim=1)
