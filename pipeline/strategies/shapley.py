"""Shapley-NAS (Xiao, Wang, Zhu, Zhou, Lu, CVPR 2022), section 3.4.

After the warm-up, in each epoch:
  1. update w by descending ∇_w L_train(w, α), one pass over the images
  2. estimate the Shapley values φ of all operations, V = Acc_val(w, α)     (section 3.3)
  3. s = μ s + (1-μ) φ / ‖φ‖₂                                               (Eq. 7)
  4. α = α + ε s / ‖s‖₂                                                     (Eq. 6)

    φ    Shapley values                -> `_estimate.phi`    -> float64[n_players]
    s    accumulated Shapley values    -> `_s`               -> float64[n_players]
    α    architecture parameters       -> `_alpha`           -> float64[n_players]
    M    permutations    η `eta`    μ `momentum`    ε `step`

The operations of both cell types play one game; `none` is a null player and is never chosen. Chosen
where the paper leaves it open: one update of α per epoch and s from 1e-3 N(0, 1), as in the
released code; the norms per cell type. More in `shapley/update.py`, `shapley/truncated.py`,
`value_function.py`; `registry/strategies/shapley.py` has what departs from the paper.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from pipeline import seeds
from pipeline.data import Images
from pipeline.shapley import Estimate
from pipeline.shapley.update import alpha_update, momentum_update, normalise, z_score
from pipeline.strategies.value_function import ValueFunction, shapley_values
from pipeline.strategies.weights import WeightSharing, initial_noise
from pipeline.training.processes import processes


class Shapley(WeightSharing):
    """Shapley-NAS."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        n = self.space.n_players
        n_groups = 1 if self.settings.norm == "all" else len(self.space.cell_types)
        self._groups = np.arange(n) // (n // n_groups)
        self._scaled = z_score if self.settings.norm == "z_score" else normalise
        self._s = initial_noise(n, self.seed, "s")
        self._estimate = Estimate.unknown(n)

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Section 3.4: weights, then, after the warm-up, one update of alpha."""
        started = time.perf_counter()
        metrics = self.train_weights(epoch, train)
        trained = time.perf_counter()
        seed = seeds.derive(self.seed, "shapley", epoch)
        augment = self.augmentation()
        V = ValueFunction(self.supernet, self._alpha, valid, self.settings, seed, augment)
        if epoch < self.warmup_epochs:
            value_full, evaluations = V.full(), 1
        else:
            previous = self._estimate.phi
            found = self._estimate = shapley_values(V, self.settings, seed, previous, processes())
            self._update_alpha(found.phi)
            value_full, evaluations = found.value_full, found.evaluations
            metrics["reached_share"] = float(np.mean(found.reached[V.players] > 0))
        return {
            **metrics,
            "images_forward": metrics["images_forward"] + V.images_forward,
            "images_backward": metrics["images_backward"] + V.images_backward,
            "evaluations": evaluations,
            "value_full": value_full,
            "weight_seconds": trained - started,
            "value_seconds": time.perf_counter() - trained,
        }

    def _update_alpha(self, phi: np.ndarray) -> None:
        """Eq. 7, then Eq. 6."""
        settings, groups, scaled = self.settings, self._groups, self._scaled
        self._s = momentum_update(self._s, phi, settings.momentum, groups, scaled)
        alpha = alpha_update(self.alpha(), self._s, settings.step, groups, scaled)
        self._alpha.copy_(torch.from_numpy(alpha))

    def record(self) -> dict[str, np.ndarray]:
        """Alpha and s after the epoch, and its Shapley values: unknown in the warm-up."""
        found = self._estimate
        own = {"phi": found.phi, "standard_error": found.standard_error, "reached": found.reached}
        return {**super().record(), "s": self._s.copy(), **own}

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha, s, and the last Shapley values, which the next estimate may use."""
        last = {"s": torch.from_numpy(self._s), "phi": torch.from_numpy(self._estimate.phi)}
        return {**super().state_dict(), **last}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `state_dict`."""
        super().load_state_dict(state)
        self._s = state["s"].numpy().copy()
        self._estimate = replace(self._estimate, phi=state["phi"].numpy().copy())
