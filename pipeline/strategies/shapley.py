"""Shapley-NAS: Xiao, Wang, Zhu, Zhou, Lu, "Shapley-NAS: discovering operation contribution for
neural architecture search" (CVPR 2022), section 3.4.

After the warm-up, in each epoch:
  1. update w by descending ∇_w L_train(w, α), one pass over the images
  2. estimate the Shapley values φ of all operations, V = Acc_val(w, α)     (section 3.3)
  3. s = μ s + (1-μ) φ / ‖φ‖₂                                               (Eq. 7)
  4. α = α + ε s / ‖s‖₂                                                     (Eq. 6)

    φ    Shapley values                -> `_estimate.phi`    -> float64[n_players]
    s    accumulated Shapley values    -> `_s`               -> float64[n_players]
    α    architecture parameters       -> `_alpha`           -> float64[n_players]
    M    permutations    η `eta`    μ `momentum`    ε `step`

The operations of both cell types play one game. What the paper leaves open, and what is chosen
here: one update of α an epoch and s starting at 1e-3 N(0, 1), both as in the released code; the
norms per cell type. More stands in `shapley/update.py`, `shapley/truncated.py`,
`value_function.py`.
"""  # noqa: D205

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline import seeds
from pipeline.config.base import CODE, OURS, PAPER, Settings, setting
from pipeline.registry import register
from pipeline.shapley import Estimate, estimate, option_names
from pipeline.shapley.update import alpha_update, momentum_update
from pipeline.strategies.contract import Metadata
from pipeline.strategies.value_function import ValueFunction
from pipeline.strategies.weights import WeightSharing, initial_noise

if TYPE_CHECKING:
    from pipeline.data import Images


class ShapleySettings(Settings):
    """How Shapley values are estimated and what they do to alpha."""

    warmup_epochs: int | None = setting(
        None, "first epochs in which alpha is frozen; none: the search recipe's", PAPER, ge=0
    )
    estimator: str = setting("truncated", "a registered estimator", PAPER)
    permutations: int = setting(10, "M, permutations an update", PAPER, ge=1)
    eta: float = setting(0.5, "η, drop of the accuracy, relative, that truncates", PAPER, ge=0)
    momentum: float = setting(0.8, "μ of Eq. 7", PAPER, ge=0, le=1)
    step: float = setting(0.1, "ε of Eq. 6", PAPER, gt=0)
    value_images: int = setting(1024, "images that V is measured on, a permutation", CODE, ge=1)
    batch_norm: Literal["batch", "running"] = setting(
        "batch", "statistics while V is measured", OURS
    )
    renormalise: bool = setting(False, "remaining weights of an edge scaled to sum to one", CODE)
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
        self._s = initial_noise(self.space.n_players, self.seed, "s")
        cell_types, n = len(self.space.cell_types), self.space.n_players
        groups = np.repeat(np.arange(cell_types), n // cell_types)
        self._groups = groups if self.settings.norm == "cell_type" else np.zeros_like(groups)
        self._estimate: Estimate | None = None

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Section 3.4: weights, then, after the warm-up, one update of alpha."""
        started = time.perf_counter()
        metrics = self.train_weights(epoch, train)
        trained = time.perf_counter()
        V = self._value_function(epoch, valid)
        found = None if epoch < self.warmup_epochs else self._shapley_values(epoch, V)
        if found is None:
            value_full, evaluations = float(V(np.ones((1, len(V.players)), dtype=bool))[0]), 1
        else:
            self._update_alpha(found.phi)
            value_full, evaluations = found.value_full, found.evaluations
            metrics["reached_share"] = float(np.mean(found.reached[V.players] > 0))
        self._estimate = found
        return {
            **metrics,
            "images_forward": metrics["images_forward"] + V.images_forward,
            "evaluations": evaluations,
            "value_full": value_full,
            "valid_accuracy": value_full,
            "weight_seconds": trained - started,
            "value_seconds": time.perf_counter() - trained,
        }

    def _value_function(self, epoch: int, valid: Images) -> ValueFunction:
        return ValueFunction(
            self.supernet,
            self._alpha,
            valid,
            n_images=self.settings.value_images,
            batch_size=self.search.batch_size,
            seed=seeds.derive(self.seed, "value", epoch),
            batch_norm=self.settings.batch_norm,
            renormalise=self.settings.renormalise,
        )

    def _shapley_values(self, epoch: int, V: ValueFunction) -> Estimate:
        """φ of all players; those that are null by construction do not play."""
        estimator = self.settings.estimator
        options = {"permutations": self.settings.permutations, "eta": self.settings.eta}
        found = estimate(
            V,
            n_players=len(V.players),
            estimator=estimator,
            seed=seeds.derive(self.seed, "shapley", epoch),
            **{name: options[name] for name in option_names(estimator) if name in options},
        )
        return found.among(V.players, self.space.n_players)

    def _update_alpha(self, phi: np.ndarray) -> None:
        """Eq. 7, then Eq. 6."""
        import torch

        self._s = momentum_update(self._s, phi, self.settings.momentum, self._groups)
        alpha = alpha_update(self.alpha(), self._s, self.settings.step, self._groups)
        self._alpha.copy_(torch.from_numpy(alpha))

    def record(self) -> dict[str, np.ndarray]:
        """Alpha and s after the epoch, and its Shapley values: unknown in the warm-up."""
        n = self.space.n_players
        found = self._estimate or Estimate.unknown(n)
        return {
            **super().record(),
            "s": self._s.copy(),
            "phi": found.phi,
            "standard_error": found.standard_error,
            "reached": found.reached,
        }

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha and s."""
        import torch

        return {**super().state_dict(), "s": torch.from_numpy(self._s)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `state_dict`."""
        super().load_state_dict(state)
        self._s = state["s"].numpy().copy()
