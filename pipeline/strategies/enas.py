"""ENAS: a controller over shared weights.

Pham et al., "Efficient neural architecture search via parameter sharing" (ICML 2018).

Each epoch first trains the shared weights. In each step the controller draws an architecture, and
its weights are trained. Then REINFORCE trains the controller by gradient ascent on

    E (R + λ H - b) log π(a),   b = d b' + (1 - d) (R + λ H)    (E: mean over `samples` draws)

    a    an architecture that the controller draws    R    its validation accuracy
    π    controller, an LSTM that makes the choices one by one -> `_controller`
    H    sum of the entropies of a draw's choices    λ    `entropy_weight`
    b    baseline; b' is b at the end of the previous epoch    d    `baseline_decay`

The result is the most accurate of several architectures drawn after the last epoch. The algorithm
follows the code of NAS-Bench-201.
"""
# Tested in tests/strategies/test_shared_weights.py.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline import seeds
from pipeline.data import Images
from pipeline.strategies.architectures import (
    best_of,
    one_hot,
    shared_accuracy,
    value_batches,
)
from pipeline.strategies.controller import Controller, PolicyGradient
from pipeline.strategies.weights import WeightSharing, cosine


class Enas(WeightSharing):
    """A controller over shared weights."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        seed = seeds.derive(self.seed, "controller")
        self._controller = Controller(self.space, self.search.supernet.none_may_win, seed)
        self._training = PolicyGradient(self._controller, self.settings)

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Train the weights, then the controller; after the last epoch choose an architecture."""
        self._draws = seeds.torch_generator(self.seed, "draws", epoch)
        self._n_images = 0
        metrics = self.train_weights(epoch, train)
        steps = range(self.settings.steps)
        R = [self._training.step(lambda p: self._reward(p, valid), self._draws) for _ in steps]
        self._training.end_epoch()
        if epoch == self.search.epochs - 1:
            self._choose(valid)
        metrics["images_forward"] += self._n_images
        return {**metrics, "drawn_accuracy": sum(R) / len(R), "baseline": self._training.baseline}

    def learning_rate(self, epoch: int) -> float:
        """A cosine whose half period is `cosine_epochs`."""
        first, last = self.search.learning_rate, self.search.learning_rate_min
        return cosine(first, last, epoch / self.settings.cosine_epochs)

    def mixing(self) -> Tensor:
        """Mixing weights, 0 or 1, of an architecture that the controller draws."""
        return torch.from_numpy(self._draw()).float().to(self.device)

    def _draw(self) -> np.ndarray:
        return one_hot(self.space, self._controller.draw(self._draws)[0])

    def _reward(self, players: list[int], valid: Images) -> float:
        """Accuracy of an architecture on one batch."""
        batches = [valid.sample(self.search.batch_size, self._draws)]
        accuracy, n = shared_accuracy(self.supernet, batches, one_hot(self.space, players))
        self._n_images += n
        return accuracy

    def _choose(self, valid: Images) -> None:
        """Keep the best of some draws."""
        n, size = self.settings.value_images, self.search.batch_size
        batches = value_batches(valid, n, size, self._draws)
        drawn = [self._draw() for _ in range(self.settings.candidates)]
        best, _, n = best_of(self.supernet, batches, drawn)
        self._alpha.copy_(torch.from_numpy(best))
        self._n_images += n

    def state_dict(self) -> dict[str, Any]:
        """Weights, and the controller with the state of its training."""
        return {**super().state_dict(), "controller": self._training.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self._training.load_state_dict(state["controller"])
