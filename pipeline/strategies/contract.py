"""What a search strategy is to the search stage.

The stage makes the strategy, calls `prepare` once and `epoch` for each epoch. Then it reads
`strength`, which the space discretises to a genotype, and calls `save`. All that a strategy draws
at random comes from `pipeline.seeds` by (seed, purpose, epoch), so that its state is whole between
two epochs and holds no generator.
"""
# Tested in tests/contract/test_strategies.py.

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from pipeline.config.recipes import SearchSettings
from pipeline.data import Images
from pipeline.nasbench import Table
from pipeline.spaces import Space
from pipeline.supernet import Supernet
from pipeline.training.distributed import Ranks


@dataclass(frozen=True)
class Inputs:
    """What a search may read beside images.

    Attributes:
        dataset: name of the data set searched on.
        open_table: opens the table of trained architectures, None where there is none.
    """

    dataset: str
    open_table: Callable[[], Table | None]


class Strategy(ABC):
    """A search strategy; those that train a supernet derive from `weights.WeightSharing`.

    Args:
        space: the search space.
        supernet: on `device`, its weights freshly drawn; None for a strategy that trains none.
        settings: of the class that its registry entry names.
        search: the search recipe.
        seed: of everything that is drawn.
        device: where images and supernet are.
    """

    second_derivatives: ClassVar[bool] = False
    ranks: Ranks = Ranks()  # who searches together; the stage sets it before the first epoch

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
        """Whether it takes second derivatives, which a compiled supernet does not have."""
        return cls.second_derivatives

    @property
    def n_epochs(self) -> int:
        """How often the stage calls `epoch`; a strategy that trains nothing has no epochs."""
        return 0

    def prepare(self, inputs: Inputs) -> None:  # noqa: B027  (nothing by default)
        """Open what the search reads beside images; called once, before the first epoch.

        Raises:
            InputError: something that the strategy needs is not there.
        """

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

    def save(self, folder: Path) -> None:  # noqa: B027  (nothing by default)
        """Write what the search leaves beside its strength; called once, after the last epoch."""

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
            raise ValueError(f"{type(self).__name__} has no state, but is given {[*state]}")
