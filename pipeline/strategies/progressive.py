"""A search in stages, each with fewer operations: the common part of DrNAS and P-DARTS."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.strategies.gradient import GradientSearch


class ProgressiveSearch(GradientSearch):
    """Base class; a subclass defines the supernet and the operations of each stage.

    Alpha is frozen for a share `stage_warmup` of the epochs of each stage, at its start.

    Attributes:
        stage: number of the stage, from 0.
        kept: the remaining operations, bool [edges, operations].
    """

    def __init__(self, *arguments: Any):
        self.stage = 0
        super().__init__(*arguments)
        self.kept = np.ones((self.space.n_edges, self.space.n_operations), dtype=bool)
        self.shape(0)

    @property
    @abstractmethod
    def n_stages(self) -> int:
        """Number of stages; they have nearly the same number of epochs."""

    @abstractmethod
    def shape(self, stage: int) -> None:
        """Give the supernet the shape of a stage."""

    @abstractmethod
    def prune(self, stage: int) -> None:
        """Choose the operations of a stage by the current alpha."""

    def begin(self, epoch: int) -> None:
        """Enter the next stage if one begins in this epoch."""
        super().begin(epoch)
        self.stage, self.share = place(epoch, self.search.epochs, self.n_stages)
        if epoch and self.share == 0:
            self.prune(self.stage)
            self.shape(self.stage)

    def frozen(self, epoch: int) -> bool:
        """Alpha is frozen at the start of each stage."""
        return place(epoch, self.search.epochs, self.n_stages)[1] < self.settings.stage_warmup

    def kept_mask(self) -> Tensor:
        """`kept` on the device."""
        return torch.from_numpy(self.kept).to(self.device)

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha, optimisers, the stage and its operations."""
        progress = {"stage": self.stage, "kept": torch.from_numpy(self.kept)}
        return {**super().state_dict(), **progress}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        self.stage, self.kept = state["stage"], state["kept"].numpy().copy()
        self.shape(self.stage)
        super().load_state_dict(state)


def place(epoch: int, epochs: int, n_stages: int) -> tuple[int, float]:
    """The stage of an epoch, and the share of the stage that precedes this epoch, in [0, 1)."""
    first = [-(-epochs * stage // n_stages) for stage in range(n_stages + 1)]
    stage = max((s for s in range(n_stages) if first[s] <= epoch), default=0)
    return stage, (epoch - first[stage]) / max(1, first[stage + 1] - first[stage])


def strongest(alpha: np.ndarray, kept: np.ndarray, n_kept: int) -> np.ndarray:
    """The `n_kept` remaining operations of each edge with the largest alpha: a mask like `kept`.

    Among equal alphas, lower indices are kept.

    Args:
        alpha: float64 [edges * operations].
        kept: bool [edges, operations], the operations that remain so far.
        n_kept: number of operations to keep per edge.
    """
    order = np.argsort(-np.where(kept, alpha.reshape(kept.shape), -np.inf), axis=1, kind="stable")
    chosen = np.zeros_like(kept)
    np.put_along_axis(chosen, order[:, :n_kept], True, axis=1)
    return chosen & kept
