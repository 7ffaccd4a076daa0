"""Shapley-NAS (Xiao et al., CVPR 2022): alpha moved by what each operation contributes.

Each epoch after warm-up, once the weights w have been trained for it (section 3.4):

    φ_o  Shapley values of all operations, V = Acc_val(w, α)      Eq. 4, early truncation at η
    s_t = μ s_{t-1} + (1-μ) φ / ‖φ‖₂                              Eq. 7
    α_t = α_{t-1} + ε s_t / ‖s_t‖₂                                Eq. 6

The players are the operations of all edges and of both cell types, in one game. Left open by the
paper and chosen here: one update an epoch, after the epoch's weight steps; the norms per cell type
(the released code: z-score; option `all`: over all players); an operation that no permutation
reached keeps its s; the images of V, see `value_function`; alpha and s start as small noise.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from pipeline import seeds, shapley
from pipeline.config.base import CODE, OURS, PAPER, Settings, setting
from pipeline.registry import register
from pipeline.shapley.update import alpha_update, momentum_update
from pipeline.strategies.contract import Metadata, Strategy, initial_alpha
from pipeline.strategies.value_function import CoalitionAccuracy
from pipeline.strategies.weights import WeightTraining

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.data import Images


class ShapleySettings(Settings):
    """The estimate and the update."""

    permutations: int = setting(10, "M, permutations an epoch", PAPER, ge=1)
    eta: float = setting(0.5, "η, tolerated drop as a share of V(N)", PAPER, ge=0)
    momentum: float = setting(0.8, "μ of Eq. 7", PAPER, ge=0, lt=1)
    step: float = setting(0.1, "ε of Eq. 6", PAPER, gt=0)
    value_images: int = setting(1024, "images that V is measured on", CODE, ge=1)
    batch_norm: Literal["batch", "running"] = setting("batch", "statistics used in V", CODE)
    estimator: Literal["truncated", "permutation"] = setting(
        "truncated", "`permutation` walks to the empty set", PAPER
    )
    norm: Literal["cell_type", "all"] = setting("cell_type", "players a norm is taken over", OURS)
    warmup_epochs: int | None = setting(
        None, "first epochs in which alpha is frozen; none: the search recipe's", PAPER
    )


@register("strategies", "shapley")
class Shapley(Strategy):
    """Alpha by Shapley values of the validation accuracy."""

    metadata: ClassVar[Metadata] = Metadata(
        title="Shapley-NAS",
        paper="Xiao et al., Shapley-NAS, CVPR 2022",
        trains_supernet=True,
        settings=ShapleySettings,
    )

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.alpha = initial_alpha(self.space, self.seed, "alpha")
        self.s = initial_alpha(self.space, self.seed, "s")
        self.groups = np.zeros(self.space.n_players, dtype=np.int64)
        if self.settings.norm == "cell_type":
            n_types = len(self.space.cell_types)
            self.groups = np.repeat(np.arange(n_types), self.space.n_players // n_types)
        self.weights = WeightTraining(self.supernet, self.search, self.seed, self.device)
        self.estimate: shapley.Estimate | None = None

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Train the weights; after warm-up estimate φ and move alpha."""
        from pipeline.supernet import mixture

        alpha = self._alpha_tensor()
        metrics = self.weights.epoch(epoch, train, lambda: mixture(self.space, alpha))
        if epoch < self.warmup_epochs():
            return metrics
        started = time.perf_counter()
        V = self._value_function(epoch, valid)
        phi = self._estimate(V, epoch).phi
        self.s = momentum_update(self.s, phi, self.settings.momentum, self.groups)
        self.alpha = alpha_update(self.alpha, self.s, self.settings.step, self.groups)
        metrics["alpha_seconds"] = time.perf_counter() - started
        metrics["images_forward"] += V.images_forward
        return {**metrics, **self._summary()}

    def _value_function(self, epoch: int, valid: Images) -> CoalitionAccuracy:
        own = self.settings
        assert self.supernet is not None
        return CoalitionAccuracy(
            self.supernet,
            self._alpha_tensor(),
            valid,
            own.value_images,
            seeds.derive(self.seed, "value", epoch),
            own.batch_norm,
            self.weights.autocast,
        )

    def _estimate(self, V: CoalitionAccuracy, epoch: int) -> shapley.Estimate:
        own = self.settings
        options: dict[str, Any] = {"permutations": own.permutations}
        if own.estimator == "truncated":
            options["eta"] = own.eta
        seed = seeds.derive(self.seed, "shapley", epoch)
        n = self.space.n_players
        self.estimate = shapley.estimate(V, n, own.estimator, seed=seed, **options)
        return self.estimate

    def _summary(self) -> dict[str, float]:
        assert self.estimate is not None
        return {
            "valid_accuracy": self.estimate.value_full,
            "evaluations": self.estimate.evaluations,
            "reached_share": float((self.estimate.reached > 0).mean()),
        }

    def _alpha_tensor(self) -> Tensor:
        import torch

        return torch.tensor(self.alpha, dtype=torch.float32, device=self.device)

    def strength(self) -> np.ndarray:
        """Alpha, not the last Shapley values."""
        return self.alpha

    def record(self) -> dict[str, np.ndarray]:
        """Alpha, s, and the estimate of the epoch (NaN in warm-up)."""
        unknown = np.full(self.space.n_players, np.nan)
        phi = self.estimate.phi if self.estimate else unknown
        error = self.estimate.standard_error if self.estimate else unknown
        return {"alpha": self.alpha, "s": self.s, "phi": phi, "standard_error": error}

    def state_dict(self) -> dict[str, Any]:
        """Alpha, s and the weights; the estimate is made anew each epoch."""
        import torch

        arrays = {"alpha": torch.tensor(self.alpha), "s": torch.tensor(self.s)}
        return {**arrays, "weights": self.weights.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.alpha, self.s = state["alpha"].numpy().copy(), state["s"].numpy().copy()
        self.weights.load_state_dict(state["weights"])
