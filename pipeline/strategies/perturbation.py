"""Accuracy lost when an operation or edge is removed (DARTS-PT, Wang et al., ICLR 2021)."""
# Tested in tests/strategies/test_shared_weights.py.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pipeline.strategies.architectures import may_win, shared_accuracy
from pipeline.supernet import Supernet


class Perturbation:
    """Measures the accuracy of the supernet with some of its mixing weights set to zero.

    `mixing` is a function that returns the current mixing weights [n_players].

    Attributes:
        n_images: number of images classified so far.
    """

    def __init__(
        self,
        supernet: Supernet,
        batches: Sequence[tuple[Tensor, Tensor]],
        mixing: Callable[[], Tensor],
    ):
        self._supernet, self._batches, self._mixing = supernet, batches, mixing
        self._shape = (supernet.space.n_edges, supernet.space.n_operations)
        self._may_win = may_win(supernet.space, supernet.settings.none_may_win)
        self.n_images = 0

    def costliest_operation(self, edge: int) -> np.ndarray:
        """The operation of an edge whose removal costs most; bool [operations]."""
        operations = np.flatnonzero(self._may_win[edge])
        left = [self._accuracy(edge, o) for o in operations]
        return np.arange(self._shape[1]) == operations[np.argmin(left)]  # first on ties

    def cost_of_edges(self) -> np.ndarray:
        """Accuracy lost by the removal of each edge, [edges]."""
        full = self._accuracy()
        return np.array([full - self._accuracy(edge, ...) for edge in range(self._shape[0])])

    def _accuracy(self, *removed: Any) -> float:
        mixing = self._mixing().detach().cpu().double().numpy().reshape(self._shape).copy()
        if removed:
            mixing[removed] = 0
        accuracy, n = shared_accuracy(self._supernet, self._batches, mixing.ravel())
        self.n_images += n
        return accuracy


def due_decisions(after: int, tune_epochs: int, n: int) -> list[int]:
    """Which of the decisions 0, ..., n - 1 are due; training ended `after` epochs ago."""
    if after < 0 or (tune_epochs and after % tune_epochs):
        return []
    return [after // tune_epochs] if tune_epochs else [*range(n)]
