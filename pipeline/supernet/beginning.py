"""What two coalitions have in common, computed once.

The cells before the first reduction know nothing of the reduction cell's players. Half of the
removals of a walk are such players, and those cells have the largest images.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

States = tuple[Tensor, Tensor]


class Beginning:
    """The states that one batch of images reaches before the first reduction.

    Whoever makes it uses it for this batch and this policy of batch norms only.
    """

    def __init__(self) -> None:
        self._states: States | None = None
        self._weights = torch.empty(0)
        self._versions: list[int] = []

    def states(self, network: nn.Module, weights: Tensor, compute: Callable[[], States]) -> States:
        """Those of the last call where nothing has changed, else `compute()`.

        Args:
            network: whose weights they depend on.
            weights: mixing weights that they depend on.
            compute: gives them.
        """
        versions = [parameter._version for parameter in network.parameters()]
        if self._states is None or versions != self._versions or not weights.equal(self._weights):
            self._states = None  # frees their memory first
            self._states, self._weights, self._versions = compute(), weights, versions
        return self._states
