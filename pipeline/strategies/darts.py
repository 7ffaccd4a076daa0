"""DARTS: Liu, Simonyan, Yang, "DARTS: differentiable architecture search" (ICLR 2019).

Algorithm 1, first order (ξ = 0): while not converged,
  1. update α by descending ∇_α L_val(w, α)
  2. update w by descending ∇_w L_train(w, α)

    α        architecture parameters    -> `_alpha` -> float64[n_players], by Adam
    L_val    cross entropy on a batch of the second half, augmented as in the authors' code
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.config.base import DARTS, Settings, setting
from pipeline.registry import register
from pipeline.strategies.contract import Metadata
from pipeline.strategies.weights import Tally, WeightSharing

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.data import Images


class DartsSettings(Settings):
    """How alpha descends."""

    warmup_epochs: int | None = setting(
        0, "first epochs in which alpha is frozen; none: the search recipe's", DARTS, ge=0
    )
    alpha_learning_rate: float = setting(3e-4, "Adam on alpha", DARTS, gt=0)
    alpha_weight_decay: float = setting(1e-3, "Adam on alpha", DARTS, ge=0)
    alpha_betas: tuple[float, float] = setting((0.5, 0.999), "Adam on alpha", DARTS)


@register("strategies", "darts")
class Darts(WeightSharing):
    """First-order DARTS."""

    metadata = Metadata(
        name="darts",
        title="DARTS (1st order)",
        paper="Liu et al., ICLR 2019",
        trains_supernet=True,
        settings=DartsSettings,
        recipes={
            "darts": {
                "batch_size": 64,
                "learning_rate": 0.025,
                "learning_rate_min": 0.001,
                "supernet": {"partial_channels": 1},
            }
        },
    )

    def __init__(self, *arguments: Any):
        import torch

        super().__init__(*arguments)
        self._alpha.requires_grad_()
        self.alpha_optimiser = torch.optim.Adam(
            [self._alpha],
            lr=self.settings.alpha_learning_rate,
            betas=self.settings.alpha_betas,
            weight_decay=self.settings.alpha_weight_decay,
        )

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Algorithm 1 over one pass of the images for the weights."""
        if epoch < self.warmup_epochs:
            return self.train_weights(epoch, train)
        batches, tally = self._endless(valid, epoch), Tally()
        metrics = self.train_weights(epoch, train, lambda: self._step_alpha(*next(batches), tally))
        metrics["images_forward"] += tally.n
        metrics["images_backward"] += tally.n
        return {**metrics, "valid_loss": tally.loss, "valid_accuracy": tally.accuracy}

    def _step_alpha(self, images: Tensor, labels: Tensor, tally: Tally) -> None:
        """Line 1: descend ∇_α L_val(w, α), w held."""
        import torch

        from pipeline.supernet import mixture

        loss = self.loss(images, labels, mixture(self.space, self._alpha.float()), tally)
        (self._alpha.grad,) = torch.autograd.grad(loss, self._alpha)
        self.alpha_optimiser.step()

    def _endless(self, valid: Images, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of as many passes as are needed: the halves may differ in size."""
        for lap in itertools.count():
            yield from self.batches(valid, "alpha", epoch, lap)

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha, and the moments of both optimisers."""
        return {**super().state_dict(), "alpha_optimiser": self.alpha_optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `state_dict`."""
        super().load_state_dict(state)
        self.alpha_optimiser.load_state_dict(state["alpha_optimiser"])
