"""What a search strategy is: the contract that the search stage and one test hold all to.

A strategy owns the architecture parameters; the supernet only sees mixing weights. It draws every
random number from `pipeline.seeds` by (seed, purpose, epoch), so that a search resumed at an epoch
goes on as if it had never stopped. A strategy's file imports torch inside its functions, because a
dry run reads its settings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pipeline import seeds
from pipeline.config.base import Settings
from pipeline.config.recipes import SearchSettings

if TYPE_CHECKING:
    import torch

    from pipeline.data import Images
    from pipeline.spaces import Space
    from pipeline.supernet import Supernet

INITIAL_NOISE = 1e-3  # alpha (and s) start at 1e-3 x normal noise, as in DARTS and its family


@dataclass(frozen=True)
class Metadata:
    """What is known of a strategy without running it.

    Attributes:
        title: name in tables.
        paper: where it comes from.
        trains_supernet: without, the search has no epochs.
        settings: model of its own settings.
        recipes: space -> what its own paper does differently from the space's search recipe.
    """

    title: str
    paper: str
    trains_supernet: bool
    settings: type[Settings]
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Strategy(ABC):
    """A search in progress.

    Args:
        space: the order of the players.
        supernet: on `device`; None for a strategy that trains none.
        settings: of `metadata.settings`.
        search: how the weights are trained.
        seed: of everything drawn.
        device: where images and weights are.
    """

    metadata: ClassVar[Metadata]

    def __init__(
        self,
        space: Space,
        supernet: Supernet | None,
        settings: Any,
        search: SearchSettings,
        seed: int,
        device: torch.device,
    ):
        self.space, self.supernet, self.settings = space, supernet, settings
        self.search, self.seed, self.device = search, seed, device

    @abstractmethod
    def strength(self) -> np.ndarray:
        """float64[players] that `space.genotype_from` discretises; the final alpha, mostly."""

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """One epoch on the half for weights and the half for the value function.

        Returns:
            metrics; accuracies as fractions; `images_forward` and `images_backward` count the cost.
        """
        raise TypeError(f"{type(self).__name__} has no epochs")

    def record(self) -> dict[str, np.ndarray]:
        """Arrays over players worth keeping after each epoch."""
        return {"alpha": self.strength()}

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain numbers from which `load_state_dict` goes on, bit for bit."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""

    def warmup_epochs(self) -> int:
        """Epochs in which alpha stays: the strategy's own setting, else the recipe's."""
        own = self.settings.warmup_epochs
        return self.search.warmup_epochs if own is None else own


def initial_alpha(space: Space, seed: int, name: str) -> np.ndarray:
    """Near-zero noise float64[players], so that all operations start almost equal."""
    rng = seeds.numpy_generator(seed, name)
    return INITIAL_NOISE * rng.standard_normal(space.n_players)
