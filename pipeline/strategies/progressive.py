"""Searches in stages: fewer operations on each edge from one to the next, another supernet.

What DrNAS and P-DARTS have in common.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.strategies.gradient import GradientSearch


class ProgressiveSearch(GradientSearch):
    """A subclass says what a stage does to the supernet and which operations stay.

    Its settings have `stage_warmup`, the share of a stage in which alpha is held.

    Attributes:
        stage: which one, from 0.
        kept: operations that stay, bool [edges, operations].
    """

    def __init__(self, *arguments: Any):
        self.stage = 0
        super().__init__(*arguments)
        self.kept = np.ones((self.space.n_edges, self.space.n_operations), dtype=bool)
        self.shape(0)

    @property
    @abstractmethod
    def n_stages(self) -> int:
        """Stages of nearly equally many epochs."""

    @abstractmethod
    def shape(self, stage: int) -> None:
        """Bring the supernet into the shape of a stage."""

    @abstractmethod
    def prune(self, stage: int) -> None:
        """Choose what stays in a stage, by alpha as it is."""

    def begin(self, epoch: int) -> None:
        """Enter the next stage where one begins."""
        super().begin(epoch)
        self.stage, self.share = place(epoch, self.search.epochs, self.n_stages)
        if epoch and self.share == 0:
            self.prune(self.stage)
            self.shape(self.stage)

    def frozen(self, epoch: int) -> bool:
        """Alpha is held at the start of each stage."""
        return place(epoch, self.search.epochs, self.n_stages)[1] < self.settings.stage_warmup

    def kept_mask(self) -> Tensor:
        """`kept` on the device."""
        return torch.from_numpy(self.kept).to(self.device)

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha, optimisers, the stage and what stays in it."""
        progress = {"stage": self.stage, "kept": torch.from_numpy(self.kept)}
        return {**super().state_dict(), **progress}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `state_dict`."""
        self.stage, self.kept = state["stage"], state["kept"].numpy().copy()
        self.shape(self.stage)
        super().load_state_dict(state)


def place(epoch: int, epochs: int, n_stages: int) -> tuple[int, float]:
    """The stage of an epoch, and the share of the stage that lies behind it, in [0, 1)."""
    first = [-(-epochs * stage // n_stages) for stage in range(n_stages + 1)]
    stage = max((s for s in range(n_stages) if first[s] <= epoch), default=0)
    return stage, (epoch - first[stage]) / max(1, first[stage + 1] - first[stage])


def strongest(alpha: np.ndarray, kept: np.ndarray, n_kept: int) -> np.ndarray:
    """The operations of the largest alpha on each edge, among those still there.

    Args:
        alpha: float64 [edges * operations].
        kept: bool [edges, operations], those still there.
        n_kept: how many may stay; ties by index.

    Returns:
        bool [edges, operations].
    """
    order = np.argsort(-np.where(kept, alpha.reshape(kept.shape), -np.inf), axis=1, kind="stable")
    chosen = np.zeros_like(kept)
    np.put_along_axis(chosen, order[:, :n_kept], True, axis=1)
    return chosen & kept
