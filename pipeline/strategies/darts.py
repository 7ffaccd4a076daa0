"""DARTS: Liu, Simonyan, Yang, "DARTS: differentiable architecture search" (ICLR 2019).

This is first-order DARTS (ξ = 0), algorithm 1 in `gradient.py`. Optionally, the search stops
early if the largest eigenvalue of ∇²_α L_val has risen (`early_stopping.py`). Then alpha is reset
to its value before the rise, and the remaining epochs train nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from pipeline.data import Images
from pipeline.strategies.early_stopping import EigenvalueRule, largest_eigenvalue
from pipeline.strategies.gradient import GradientSearch


class Darts(GradientSearch):
    """First-order DARTS."""

    @classmethod
    def differentiates_twice(cls, settings: Any) -> bool:
        """Only the eigenvalue of early stopping needs second derivatives."""
        return bool(settings.early_stopping)

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        settings = self.settings
        self._rule = EigenvalueRule(settings.eigenvalue_window, settings.eigenvalue_ratio)

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Run algorithm 1, then the early-stopping rule if it is enabled."""
        if self._rule.stopped:
            return {"images_forward": 0, "images_backward": 0, "stopped": 1}
        metrics = super().epoch(epoch, train, valid)
        if self.settings.early_stopping and epoch >= self.warmup_epochs:
            metrics |= self._watch(epoch, valid, metrics)
        return metrics

    def _watch(self, epoch: int, valid: Images, metrics: Mapping[str, float]) -> dict[str, float]:
        """Measure the eigenvalue on one batch; reset alpha if it has risen."""
        self.begin(epoch)
        images, labels = next(self.batches(valid, "eigenvalue", epoch))
        loss = self.loss(images, labels, self.relaxed(), self.extra)
        value, n_products = largest_eigenvalue(loss, self._alpha)
        earlier = self._rule.observe(value, self.alpha())
        if earlier is not None:
            self._alpha.data.copy_(torch.from_numpy(earlier))
        n = len(labels)
        return {
            "eigenvalue": value,
            "images_forward": metrics["images_forward"] + n,
            "images_backward": metrics["images_backward"] + n * (1 + n_products),
        }

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha, both optimisers, and what the rule has observed."""
        return {**super().state_dict(), "rule": self._rule.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self._rule.load_state_dict(state["rule"])
