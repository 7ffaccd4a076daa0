"""Random search: one genotype, uniform over the space, without training anything.

The baseline of Li & Talwalkar, "Random search and reproducibility for neural architecture
search" (UAI 2019), reduced to its first draw: its mean over seeds is the space's mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline import seeds
from pipeline.config.base import Settings
from pipeline.registry import register
from pipeline.strategies.contract import Metadata, Strategy

if TYPE_CHECKING:
    from pipeline.data import Images


class RandomSettings(Settings):
    """There is nothing to set."""


@register("strategies", "random")
class Random(Strategy):
    """A uniform draw, the same for one seed."""

    metadata = Metadata(
        name="random",
        title="Random",
        paper="Li & Talwalkar, UAI 2019",
        trains_supernet=False,
        settings=RandomSettings,
        chooses_cells=True,
    )

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Nothing is trained."""
        return {"images_forward": 0, "images_backward": 0}

    def strength(self) -> np.ndarray:
        """A strength whose genotype is uniform over the space."""
        rng = seeds.numpy_generator(self.seed, "random")
        return self.space.random_strength(rng, self.search.supernet.none_may_win)
