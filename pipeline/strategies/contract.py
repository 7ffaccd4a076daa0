"""What a search strategy is to the search stage.

The stage makes the strategy, calls `epoch` for each epoch and then reads `strength`, which the
space discretises to a genotype. All that a strategy draws at random comes from `pipeline.seeds` by
(seed, purpose, epoch), so that its state is whole between two epochs and holds no generator.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pipeline.config.base import Settings

if TYPE_CHECKING:
    import torch

    from pipeline.config.recipes import SearchSettings
    from pipeline.data import Images
    from pipeline.spaces import Space
    from pipeline.supernet import Supernet


@dataclass(frozen=True)
class Metadata:
    """What is known of a strategy without making it.

    Attributes:
        name: as registered.
        title: as shown in tables.
        paper: where it was published.
        trains_supernet: whether it needs a supernet and epochs.
        settings: model of its own settings.
        recipes: space -> where its own paper departs from the space's search recipe.
        families: families of spaces that it searches; none: all.
        needs_table: whether it looks accuracies up instead of training, see `table_search`.
        second_derivatives: whether it takes some, which a compiled supernet does not have.
        chooses_cells: whether the search itself draws or decides operations, so that
            `none_may_win` belongs to it and not only to the final choice.
    """

    name: str
    title: str
    paper: str
    trains_supernet: bool
    settings: type[Settings]
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    families: tuple[str, ...] | None = None
    needs_table: bool = False
    second_derivatives: bool = False
    chooses_cells: bool = False

    def supports(self, space: Space) -> bool:
        """Whether it searches this space."""
        return self.families is None or space.family in self.families


class Strategy(ABC):
    """A search strategy; those that train a supernet derive from `weights.WeightSharing`.

    Args:
        space: the search space.
        supernet: on `device`, its weights freshly drawn; None where the metadata need none.
        settings: of the class that the metadata name.
        search: the search recipe.
        seed: of everything that is drawn.
        device: where images and supernet are.
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
        self.space, self.search, self.settings = space, search, settings
        self.seed, self.device = seed, device

    @classmethod
    def differentiates_twice(cls, settings: Any) -> bool:
        """Whether it takes second derivatives under these settings."""
        return cls.metadata.second_derivatives

    @property
    def n_epochs(self) -> int:
        """How often the stage calls `epoch`; a strategy that trains nothing has no epochs."""
        return self.search.epochs if self.metadata.trains_supernet else 0

    @abstractmethod
    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """One epoch, counted from 0, on the images for weights and those for the value.

        Returns:
            metrics: accuracies as fractions, `*_seconds`, and what the epoch cost in images,
            `images_forward` and `images_backward`.
        """

    @abstractmethod
    def strength(self) -> np.ndarray:
        """Strength of each player, float64[n_players], which the space discretises."""

    def alpha(self) -> np.ndarray | None:
        """Architecture parameters, float64[n_players], if there are any."""
        return None

    def record(self) -> dict[str, np.ndarray]:
        """What is worth keeping of the epoch just done, one array each."""
        alpha = self.alpha()
        return {} if alpha is None else {"alpha": alpha}

    def state_dict(self) -> dict[str, Any]:
        """All that the next epoch depends on, as tensors and plain numbers."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `state_dict`."""
        if state:
            raise ValueError(f"{self.metadata.name} has no state, but is given {[*state]}")
