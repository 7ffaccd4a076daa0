"""Reuses the computations that several coalitions share.

DARTS: the cells before the first reduction cell do not depend on the players of the reduction cell.
Their outputs are computed once for all coalitions that differ only in these players.

NAS-Bench-201: only the first cell has the same input for all coalitions. The cache keeps its
operations' outputs before they are multiplied by mixing weights. A removal changes the sum at one
node. Only operations whose input is this node or a later one are computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from pipeline.spaces.operations import Zero
from pipeline.supernet.cell import POOLING, Present
from pipeline.supernet.fast.cell import weighted_total
from pipeline.supernet.fast.pooling import pool

Result = TypeVar("Result")


class ActivationCache:
    """Activations of one batch of images, for one network and one batch-norm policy."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, tuple[Hashable, Any]] = {}
        self._parameters: list[nn.Parameter] = []
        self._versions: list[int] = []

    def clear_if_trained(self, network: nn.Module) -> None:
        """Clear the cache if a weight of the network has changed since the last call."""
        self._parameters = self._parameters or [*network.parameters()]
        versions = [parameter._version for parameter in self._parameters]
        if versions != self._versions:
            self._entries.clear()
            self._versions = versions

    def get(self, name: Hashable, depends_on: Hashable, compute: Callable[[], Result]) -> Result:
        """Return the result stored under `name`; compute it if missing or if `depends_on` changed.

        `depends_on` contains everything on which the result depends besides the images and the
        network, for example mixing weights.
        """
        if name not in self._entries or self._entries[name][0] != depends_on:
            self._entries.pop(name, None)  # frees its memory first
            self._entries[name] = depends_on, compute()
        result: Result = self._entries[name][1]
        return result


def run_cached(
    cell: Any, x: Tensor, mixing: Tensor, present: Present, cache: ActivationCache
) -> Tensor:
    """`MixedCell.forward` for a cell whose only input x [b, channels, h, w] never changes.

    The cell has no partial channels (k = 1).
    """
    rows = [tuple(row) for row in mixing.tolist()]
    states = [x]
    before: list[tuple[tuple[float, ...], ...]] = [()]  # mixing weights up to each state
    for edges in cell.incoming.values():
        terms: list[tuple[Tensor | None, Tensor]] = []
        for e, source in edges:
            for o, operation in enumerate(cell.mixed[e].operations):
                if isinstance(operation, Zero) or not (present is None or present[e][o]):
                    continue
                # Pooling is the same on every edge.
                name = (source, type(operation)) if isinstance(operation, POOLING) else (e, o)
                compute = partial(pool, operation, states[source])
                terms.append((mixing[e, o], cache.get(name, before[source], compute)))
        states.append(weighted_total(terms) if terms else torch.zeros_like(x))
        before.append((*before[-1], *(rows[e] for e, _ in edges)))
    return torch.cat([states[state] for state in cell.concat], dim=1)
