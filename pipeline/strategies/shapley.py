"""Shapley-NAS (Xiao, Wang, Zhu, Zhou, Lu, CVPR 2022), section 3.4.

After the warm-up, in each epoch:
  1. update w by descending ∇_w L_train(w, α) in one pass over the training images
  2. estimate the Shapley values φ of all operations for V = Acc_val(w, α)  (section 3.3)
  3. s = μ s + (1-μ) φ / ‖φ‖₂                                               (Eq. 7)
  4. α = α + ε s / ‖s‖₂                                                     (Eq. 6)

    φ    Shapley values                -> `_estimate.phi`    -> float64[n_players]
    s    accumulated Shapley values    -> `_s`               -> float64[n_players]
    α    architecture parameters       -> `_alpha`           -> float64[n_players]
    μ    momentum -> `settings.momentum`    ε    step size -> `settings.step`

The operations of both cell types are players of one game. `none` is a null player and is never
chosen. The paper leaves some points open. Here s starts from 1e-3 N(0, 1), and each cell type has a
separate norm in Eqs. 6 and 7.
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
from pipeline.shapley.update import alpha_update, momentum_update, normalise, unscaled, z_score
from pipeline.strategies.value_function import ValueFunction, shapley_values
from pipeline.strategies.weights import WeightSharing, initial_noise, rises


class Shapley(WeightSharing):
    """Shapley-NAS; variants override `value_function`, `estimate`, `accumulate` or `step`.

    Attributes:
        groups: int64[n_players], group of each player; Eqs. 6 and 7 normalise in each group.
    """

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        n = self.space.n_players
        n_groups = 1 if self.settings.norm == "all" else len(self.space.cell_types)
        self.groups = np.arange(n) // (n // n_groups)
        self._as_released = self.settings.fidelity == "released_code"
        self._s = initial_noise(n, self.seed, "s")
        self._estimate = Estimate.unknown(n)

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Section 3.4: train the weights, then, after the warm-up, update alpha once."""
        measured = self._move_alpha(epoch, valid) if self._as_released else {}
        started = time.perf_counter()
        metrics = self.train_weights(epoch, train)
        metrics["weight_seconds"] = time.perf_counter() - started
        measured = measured or self._move_alpha(epoch, valid)
        both = {key: metrics[key] + measured[key] for key in ("images_forward", "images_backward")}
        return {**metrics, **measured, **both}

    def learning_rate(self, epoch: int) -> float:
        """Learning rate; `released_code` uses that of the next epoch, unless it is rising."""
        ahead = self._as_released and not rises(self.search, epoch)
        return super().learning_rate(epoch + ahead)

    def value_function(self, epoch: int, valid: Images) -> ValueFunction:
        """V = Acc_val(w, α) in this epoch, on images of the validation half."""
        seed = seeds.derive(self.seed, "shapley", epoch)
        augment = self.augmentation()
        return ValueFunction(self.supernet, self._alpha, valid, self.settings, seed, augment)

    def estimate(self, V: ValueFunction, epoch: int) -> Estimate:
        """φ of all players of the space, NaN if unknown (section 3.3)."""
        seed = seeds.derive(self.seed, "shapley", epoch)
        keep_last = self._as_released and self.space.name == "darts_imagenet"
        return shapley_values(V, self.settings, seed, self.ranks, keep_last)

    def accumulate(self, s: np.ndarray, phi: np.ndarray, epoch: int) -> np.ndarray:
        """Eq. 7: the new s, from the previous s and this epoch's φ, float64[n_players] each."""
        scale = z_score if self.settings.norm == "z_score" else normalise
        return momentum_update(s, phi, self.settings.momentum, self.groups, scale)

    def step(self, alpha: np.ndarray, s: np.ndarray, epoch: int) -> np.ndarray:
        """Eq. 6: the new α, from the previous α and this epoch's s, float64[n_players] each."""
        scale = unscaled if self.settings.norm == "z_score" else normalise
        return alpha_update(alpha, s, self.settings.step, self.groups, scale)

    def _move_alpha(self, epoch: int, valid: Images) -> dict[str, float]:
        """Estimate φ, then update s and α; in the warm-up, only evaluate V(N)."""
        started = time.perf_counter()
        V = self.value_function(epoch, valid)
        if epoch < self.warmup_epochs:
            metrics = {"value_full": V.full(), "evaluations": 1, **V.cost()}
        else:
            self._estimate = last = self.estimate(V, epoch)
            self._s = self.accumulate(self._s, last.phi, epoch)
            self._alpha.copy_(torch.from_numpy(self.step(self.alpha(), self._s, epoch)))
            metrics = {"value_full": last.value_full, "evaluations": last.evaluations}
            metrics["reached_share"] = float(np.mean(last.reached[V.players] > 0))
            metrics |= V.cost(self.ranks)
        return {**metrics, "value_seconds": time.perf_counter() - started}

    def record(self) -> dict[str, np.ndarray]:
        """Alpha, s and the Shapley values φ after an epoch. In the warm-up, φ is NaN."""
        last = self._estimate
        values = {"phi": last.phi, "standard_error": last.standard_error, "reached": last.reached}
        return {**super().record(), "s": self._s.copy(), **values}

    def state_dict(self) -> dict[str, Any]:
        """The state to save: weights, α, s, and the last φ."""
        last = {"s": torch.from_numpy(self._s), "phi": torch.from_numpy(self._estimate.phi)}
        return {**super().state_dict(), **last}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self._s = state["s"].numpy().copy()
        self._estimate = replace(self._estimate, phi=state["phi"].numpy().copy())
