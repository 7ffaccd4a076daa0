"""DARTS, first order (Liu et al., ICLR 2019, section 2.3 with ξ = 0).

    α ← α - η_α ∇_α L_val(w, α)      on a batch of the half for the value function
    w ← w - η_w ∇_w L_train(w, α)    on a batch of the half for the weights

alternately, step by step. Deviations: none known; warm-up is an option, 0 epochs as in DARTS.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pipeline import seeds
from pipeline.config.base import DARTS, Settings, setting
from pipeline.registry import register
from pipeline.strategies.contract import Metadata, Strategy, initial_alpha
from pipeline.strategies.weights import WeightTraining, batches

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.data import Images

# DARTS' own supernet training on CIFAR-10.
RECIPE = {
    "batch_size": 64,
    "learning_rate": 0.025,
    "learning_rate_min": 0.001,
    "supernet": {"partial_channels": 1},
}


class DartsSettings(Settings):
    """Adam on alpha."""

    learning_rate: float = setting(3e-4, "of alpha", DARTS, gt=0)
    beta1: float = setting(0.5, "Adam, first moment", DARTS, ge=0, lt=1)
    beta2: float = setting(0.999, "Adam, second moment", DARTS, ge=0, lt=1)
    weight_decay: float = setting(1e-3, "of alpha", DARTS, ge=0)
    warmup_epochs: int | None = setting(
        0, "first epochs in which alpha is frozen; none: the search recipe's", DARTS
    )


@register("strategies", "darts")
class Darts(Strategy):
    """Alpha by gradient descent on the validation loss."""

    metadata: ClassVar[Metadata] = Metadata(
        title="DARTS (1st order)",
        paper="Liu et al., DARTS: Differentiable Architecture Search, ICLR 2019",
        trains_supernet=True,
        settings=DartsSettings,
        recipes={"darts": RECIPE},
    )

    def __init__(self, *args: Any):
        import torch

        super().__init__(*args)
        start = initial_alpha(self.space, self.seed, "alpha")
        self.alpha = torch.tensor(start, dtype=torch.float32, device=self.device).requires_grad_()
        own = self.settings
        self.optimizer = torch.optim.Adam(
            [self.alpha], own.learning_rate, (own.beta1, own.beta2), weight_decay=own.weight_decay
        )
        self.weights = WeightTraining(self.supernet, self.search, self.seed, self.device)

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Alternate one step of alpha and one of the weights."""
        from pipeline.supernet import mixture

        self.seconds, self.n_valid, self.n_correct = 0.0, 0, 0
        stream = self._endless(epoch, valid)
        step = (lambda: self._alpha_step(next(stream))) if epoch >= self.warmup_epochs() else None
        metrics = self.weights.epoch(
            epoch, train, lambda: mixture(self.space, self.alpha.detach()), step or (lambda: None)
        )
        metrics["weight_seconds"] -= self.seconds
        metrics["alpha_seconds"] = self.seconds
        metrics["images_forward"] += self.n_valid
        metrics["images_backward"] += self.n_valid
        if self.n_valid:
            metrics["valid_accuracy"] = int(self.n_correct) / self.n_valid
        return metrics

    def _alpha_step(self, batch: tuple[Tensor, Tensor]) -> None:
        import torch
        from torch.nn.functional import cross_entropy

        from pipeline.supernet import mixture

        started = time.perf_counter()
        assert self.supernet is not None
        images, labels = batch
        with self.weights.autocast():
            logits = self.supernet(images, mixture(self.space, self.alpha))
        loss = cross_entropy(logits.float(), labels)
        # Of alpha alone: the weights' gradients are neither needed nor kept.
        (self.alpha.grad,) = torch.autograd.grad(loss, [self.alpha])
        self.optimizer.step()
        self.n_valid += len(labels)
        self.n_correct += (logits.detach().argmax(1) == labels).sum()
        self.seconds += time.perf_counter() - started

    def _endless(self, epoch: int, valid: Images) -> Iterator[tuple[Tensor, Tensor]]:
        from pipeline.data import Augment

        augment = Augment(self.search.crop_padding, self.search.flip, self.search.cutout)
        draws = seeds.torch_generator(self.seed, "valid", epoch)
        while True:
            yield from batches(valid, self.search.batch_size, draws, augment)

    def strength(self) -> np.ndarray:
        """Alpha."""
        return self.alpha.detach().cpu().double().numpy()

    def state_dict(self) -> dict[str, Any]:
        """Alpha, its optimiser, and the weights."""
        return {
            "alpha": self.alpha.detach(),
            "adam": self.optimizer.state_dict(),
            "weights": self.weights.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.alpha.data.copy_(state["alpha"])
        self.optimizer.load_state_dict(state["adam"])
        self.weights.load_state_dict(state["weights"])
