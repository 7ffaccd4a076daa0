"""Trains a supernet with α fixed at zero and does not search. This strategy is ours.

Studies compare estimators of Shapley values on such supernets. There are two ways of training:

    uniform       all operations of an edge have the same weight
    coalitions    each step draws a probability q ~ U(0.3, 1); each operation keeps its weight with
                  probability q, and otherwise its weight is zero in this step
"""
# Tested in tests/contract/test_strategies.py.

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from pipeline import seeds
from pipeline.data import Images
from pipeline.strategies.weights import WeightSharing, initial_noise

SMALLEST_Q = 0.3


class Frozen(WeightSharing):
    """Trains only the weights."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._alpha.zero_()

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """One pass over the images for the weights."""
        self._draws = seeds.numpy_generator(self.seed, "coalitions", epoch)
        return self.train_weights(epoch, train)

    def mixing(self) -> Tensor:
        """Equal weights on each edge; zero for players outside a random coalition."""
        weights = super().mixing()
        if self.settings.mixture == "uniform":
            return weights
        q = self._draws.uniform(SMALLEST_Q, 1)
        return weights * weights.new_tensor(self._draws.random(len(weights)) < q)

    def strength(self) -> np.ndarray:
        """Random numbers, so the cell is a uniform draw."""
        return initial_noise(self.space.n_players, self.seed, "strength")
