"""RSPS: random search with parameter sharing.

Li & Talwalkar, "Random search and reproducibility for neural architecture search" (UAI 2019).

Each step draws an architecture uniformly and trains its weights. After the last epoch, further
architectures are drawn; the one with the best validation accuracy is the result.
"""
# Tested in tests/strategies/test_shared_weights.py.

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pipeline import seeds
from pipeline.data import Images
from pipeline.strategies.architectures import best_of, value_batches
from pipeline.strategies.weights import WeightSharing


class Rsps(WeightSharing):
    """Random search with shared weights."""

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Train; after the last epoch choose the architecture."""
        self._draws = seeds.numpy_generator(self.seed, "architectures", epoch)
        metrics = self.train_weights(epoch, train)
        if epoch == self.search.epochs - 1:
            metrics |= self._choose(valid, metrics["images_forward"])
        return metrics

    def mixing(self) -> Tensor:
        """Mixing weights, 0 or 1, of a random architecture."""
        return torch.from_numpy(self._draw()).float().to(self.device)

    def _draw(self) -> np.ndarray:
        return self.space.random_strength(self._draws, self.search.supernet.none_may_win)

    def _choose(self, valid: Images, images_forward: float) -> dict[str, float]:
        """Keep the best of some random architectures."""
        generator = seeds.torch_generator(self.seed, "value")
        batches = value_batches(
            valid, self.settings.value_images, self.search.batch_size, generator
        )
        drawn = [self._draw() for _ in range(self.settings.candidates)]
        best, accuracy, n_images = best_of(self.supernet, batches, drawn)
        self._alpha.copy_(torch.from_numpy(best))
        return {
            "best_drawn_accuracy": accuracy,
            "evaluations": len(drawn),
            "images_forward": images_forward + n_images,
        }
