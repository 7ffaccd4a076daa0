"""Random search: draws one genotype uniformly from the space, and trains nothing.

This is the baseline of Li & Talwalkar, "Random search and reproducibility for neural architecture
search" (UAI 2019), but each search draws a single genotype.
"""

from __future__ import annotations

import numpy as np

from pipeline import seeds
from pipeline.data import Images
from pipeline.strategies.contract import Strategy


class Random(Strategy):
    """A uniform draw that depends only on the seed."""

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Nothing is trained."""
        return {"images_forward": 0, "images_backward": 0}

    def strength(self) -> np.ndarray:
        """A strength whose genotype is uniform over the space."""
        rng = seeds.numpy_generator(self.seed, "random")
        return self.space.random_strength(rng, self.search.supernet.none_may_win)
