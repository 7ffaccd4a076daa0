"""Shrinking: removes the operation that contributes least and continues to train without it.

This strategy is ours. Each training step uses a random architecture of the remaining operations, as
in RSPS. When a removal is due, an additive game is fitted to the accuracies of random architectures
by least squares. Its coefficients are the values of the operations (`contributions.py`). The
operation whose value is furthest below the best value on its edge is removed (`remaining.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from pipeline import seeds
from pipeline.data import Images
from pipeline.strategies.architectures import n_choices, one_hot
from pipeline.strategies.contributions import Evaluated, evaluate
from pipeline.strategies.remaining import Remaining
from pipeline.strategies.weights import WeightSharing


class Shrinking(WeightSharing):
    """Removes operations one by one."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._remaining = Remaining(self.space, self.search.supernet.none_may_win, self.seed)
        self._evaluated = Evaluated.none(n_choices(self.space))

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Train random architectures; remove operations when a removal is due."""
        self._rng = seeds.numpy_generator(self.seed, "architectures", epoch)
        n_steps = -(-train.n // self.search.batch_size)
        due, steps, classified = self._due(epoch, n_steps), iter(range(n_steps)), 0

        def before_step(images: Tensor, labels: Tensor) -> None:
            nonlocal classified
            classified += sum(self._remove(valid) for _ in range(due.count(next(steps))))

        metrics = self.train_weights(epoch, train, before_step)
        metrics["images_forward"] += classified
        n_left = int(self._remaining.left.sum())
        n = len(due) * self.settings.architectures
        return {**metrics, "evaluations": n, "operations_left": n_left}

    def _due(self, epoch: int, n_steps: int) -> list[int]:
        """For each removal in the epoch, the index of the step that follows it."""
        shares = np.linspace(self.settings.start, self.settings.end, self._remaining.n_removals)
        steps = np.minimum(shares * self.search.epochs * n_steps, self.search.epochs * n_steps - 1)
        return [int(step) % n_steps for step in steps if int(step) // n_steps == epoch]

    def mixing(self) -> Tensor:
        """Mixing weights, 0 or 1, of a random architecture of the remaining operations."""
        return self._alpha.new_tensor(one_hot(self.space, self._remaining.draw(self._rng))).float()

    def _remove(self, valid: Images) -> int:
        """Remove an operation; return the number of images classified."""
        drawn = [self._remaining.draw(self._rng) for _ in range(self.settings.architectures)]
        seed = seeds.derive(self.seed, "removal", self._remaining.next)
        evaluated, n = evaluate(self.supernet, valid, drawn, self.settings.value_images, seed)
        self._evaluated = self._evaluated.and_then(evaluated, self.settings.memory * len(drawn))
        self._remaining.remove(self._evaluated)
        return n

    def strength(self) -> np.ndarray:
        """Remaining players rank by value, above the removed ones."""
        return self._remaining.strength()

    alpha = strength  # no architecture parameters are trained

    def record(self) -> dict[str, np.ndarray]:
        """Strength, values and the remaining players after the epoch."""
        values, left = self._remaining.a.copy(), self._remaining.left.copy()
        return {**super().record(), "values": values, "left": left}

    def state_dict(self) -> dict[str, Any]:
        """Weights, the order of removals, and the evaluations that values are fitted to."""
        return {
            **super().state_dict(),
            "remaining": self._remaining.state_dict(),
            "evaluated": self._evaluated.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self._remaining.load_state_dict(state["remaining"])
        self._evaluated = Evaluated.from_state(state["evaluated"])
