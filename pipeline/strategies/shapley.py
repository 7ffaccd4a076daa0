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

The operations of both cell types play one game. Chosen where the paper leaves it open: one update
of α an epoch and s from 1e-3 N(0, 1), as in the released code; the norms per cell type. More in
`shapley/update.py`, `shapley/truncated.py`, `value_function.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline import seeds
from pipeline.config.base import OURS, PAPER, setting
from pipeline.registry import register
from pipeline.shapley import Estimate
from pipeline.shapley.update import alpha_update, momentum_update
from pipeline.strategies.contract import Metadata
from pipeline.strategies.value_function import ValueFunction, ValueSettings, shapley_values
from pipeline.strategies.weights import WeightSharing, initial_noise

if TYPE_CHECKING:
    from pipeline.data import Images


class ShapleySettings(ValueSettings):
    """How Shapley values are estimated and what they do to alpha."""

    warmup_epochs: int | None = setting(
        None, "first epochs in which alpha is frozen; none: the search recipe's", PAPER, ge=0
    )
    momentum: float = setting(0.8, "μ of Eq. 7", PAPER, ge=0, le=1)
    step: float = setting(0.1, "ε of Eq. 6", PAPER, gt=0)
    norm: Literal["cell_type", "all"] = setting(
        "cell_type", "what the norms of Eq. 6 and 7 are taken over", OURS
    )


@register("strategies", "shapley")
class Shapley(WeightSharing):
    """Shapley-NAS."""

    metadata = Metadata(
        name="shapley",
        title="Shapley-NAS",
        paper="Xiao et al., CVPR 2022",
        trains_supernet=True,
        settings=ShapleySettings,
    )

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        n = self.space.n_players
        n_groups = len(self.space.cell_types) if self.settings.norm == "cell_type" else 1
        self._groups = np.arange(n) // (n // n_groups)
        self._s = initial_noise(n, self.seed, "s")
        self._estimate = Estimate.unknown(n)

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Section 3.4: weights, then, after the warm-up, one update of alpha."""
        started = time.perf_counter()
        metrics = self.train_weights(epoch, train)
        trained = time.perf_counter()
        seed = seeds.derive(self.seed, "shapley", epoch)
        V = ValueFunction(self.supernet, self._alpha, valid, self.settings, seed)
        if epoch < self.warmup_epochs:
            value_full, evaluations = V.full(), 1
        else:
            found = self._estimate = shapley_values(V, self.settings, seed)
            self._update_alpha(found.phi)
            value_full, evaluations = found.value_full, found.evaluations
            metrics["reached_share"] = float(np.mean(found.reached[V.players] > 0))
        return {
            **metrics,
            "images_forward": metrics["images_forward"] + V.images_forward,
            "evaluations": evaluations,
            "value_full": value_full,
            "valid_accuracy": value_full,
            "weight_seconds": trained - started,
            "value_seconds": time.perf_counter() - trained,
        }

    def _update_alpha(self, phi: np.ndarray) -> None:
        """Eq. 7, then Eq. 6."""
        import torch

        self._s = momentum_update(self._s, phi, self.settings.momentum, self._groups)
        alpha = alpha_update(self.alpha(), self._s, self.settings.step, self._groups)
        self._alpha.copy_(torch.from_numpy(alpha))

    def record(self) -> dict[str, np.ndarray]:
        """Alpha and s after the epoch, and its Shapley values: unknown in the warm-up."""
        found = self._estimate
        values = {"phi": found.phi, "standard_error": found.standard_error}
        return {**super().record(), "s": self._s.copy(), **values, "reached": found.reached}

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha and s."""
        import torch

        return {**super().state_dict(), "s": torch.from_numpy(self._s)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `state_dict`."""
        super().load_state_dict(state)
        self._s = state["s"].numpy().copy()
