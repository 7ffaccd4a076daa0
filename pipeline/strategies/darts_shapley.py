"""DARTS+Shapley of Table 1 (Xiao et al., CVPR 2022, section 4.3): Shapley values only at the end.

The supernet and alpha are trained as in DARTS. The cell is chosen by Shapley values, which are
estimated after the last epoch (section 3.3). `none` is a null player and is never chosen.
"""
# Tested in tests/strategies/test_shapley.py.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from pipeline import seeds
from pipeline.data import Images
from pipeline.shapley import Estimate
from pipeline.strategies.gradient import GradientSearch
from pipeline.strategies.value_function import ValueFunction, shapley_values


class DartsShapley(GradientSearch):
    """DARTS, discretised by Shapley values."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._estimate = Estimate.unknown(self.space.n_players)
        self._phi: np.ndarray | None = None

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Train as DARTS; after the last epoch estimate the Shapley values."""
        metrics = super().epoch(epoch, train, valid)
        if epoch < self.search.epochs - 1:
            return metrics
        seed = seeds.derive(self.seed, "shapley", epoch)
        V = ValueFunction(self.supernet, self._alpha, valid, self.settings, seed)
        self._estimate = estimate = shapley_values(V, self.settings, seed, self.ranks)
        # A player that no permutation reached gets the mean value of the others.
        self._phi = np.where(np.isnan(estimate.phi), np.nanmean(estimate.phi), estimate.phi)
        cost = V.cost(self.ranks)
        return {
            **metrics,
            **{key: metrics[key] + n for key, n in cost.items()},
            "evaluations": estimate.evaluations,
            "value_full": estimate.value_full,
        }

    def strength(self) -> np.ndarray:
        """Shapley values once they are known; before that, alpha."""
        return self.alpha() if self._phi is None else self._phi.copy()

    def record(self) -> dict[str, np.ndarray]:
        """Alpha, and the Shapley values, which are NaN before the last epoch."""
        last = self._estimate
        return {**super().record(), "phi": last.phi, "standard_error": last.standard_error}

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha, optimisers, Shapley values once known."""
        phi = None if self._phi is None else torch.from_numpy(self._phi)
        return {**super().state_dict(), "phi": phi}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self._phi = None if state["phi"] is None else state["phi"].numpy().copy()
