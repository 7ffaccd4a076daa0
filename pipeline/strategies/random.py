"""Random search's one draw: an architecture uniform over the space, nothing trained."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pipeline import seeds
from pipeline.config.base import Settings
from pipeline.registry import register
from pipeline.strategies.contract import Metadata, Strategy


class RandomSettings(Settings):
    """Nothing to set."""


@register("strategies", "random")
class Random(Strategy):
    """A strength that discretises to a uniformly drawn genotype."""

    metadata: ClassVar[Metadata] = Metadata(
        title="Random",
        paper="baseline of NAS-Bench-201 (Dong & Yang, ICLR 2020)",
        trains_supernet=False,
        settings=RandomSettings,
    )

    def strength(self) -> np.ndarray:
        """Drawn from the seed alone."""
        rng = seeds.numpy_generator(self.seed, "random architecture")
        return self.space.random_strength(rng, self.search.supernet.none_may_win)
