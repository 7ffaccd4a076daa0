"""The interface between a search strategy and the search stage.

The stage calls `prepare`, then `epoch` for each epoch, then `strength` and `save`. Strategies
create random generators with `pipeline.seeds` from (seed, purpose, epoch), so no state contains
them.
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
    """The inputs of a search other than images.

    `open_table` returns the table of trained architectures, or None if there is none.
    """

    dataset: str
    open_table: Callable[[], Table | None]


class Strategy(ABC):
    """A search strategy; strategies that train a supernet derive from `weights.WeightSharing`.

    `supernet` is on `device` and untrained; it is None if the strategy trains no supernet.
    """

    second_derivatives: ClassVar[bool] = False
    ranks: Ranks = Ranks()  # the searching processes; the stage sets it before the first epoch

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
        """Whether it needs second derivatives; a compiled supernet cannot compute them."""
        return cls.second_derivatives

    @property
    def n_epochs(self) -> int:
        """Number of calls of `epoch`; zero for a strategy that trains nothing."""
        return 0

    def prepare(self, inputs: Inputs) -> None:  # noqa: B027  (nothing by default)
        """Open the inputs other than images; called once, before the first epoch.

        Raises:
            InputError: an input that the strategy needs is missing.
        """

    @abstractmethod
    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Run an epoch, counted from 0.

        The weights are trained on `train`. Validation loss and accuracy are computed on `valid`.

        Returns:
            metrics by name. Accuracies are fractions, and `*_seconds` are times. `images_forward`
            and `images_backward` are numbers of images in forward and in backward passes.
        """

    @abstractmethod
    def strength(self) -> np.ndarray:
        """Strengths float64[n_players], from which the space makes a genotype."""

    def digest(self) -> str:
        """A text that differs if strengths or weights differ by a bit; ranks compare it."""
        return self.strength().tobytes().hex()

    def save(self, folder: Path) -> None:  # noqa: B027  (nothing by default)
        """Write results other than `strength`; called once, after the last epoch."""

    def alpha(self) -> np.ndarray | None:
        """Architecture parameters, float64[n_players], if there are any."""
        return None

    def record(self) -> dict[str, np.ndarray]:
        """Arrays of the last epoch that are worth keeping, by name."""
        alpha = self.alpha()
        return {} if alpha is None else {"alpha": alpha}

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next epoch depends on, as tensors and plain numbers."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        if state:
            raise ValueError(f"{type(self).__name__} has no state, but is given {[*state]}")
