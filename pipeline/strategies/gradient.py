"""Alternating gradient descent on α and on the weights, shared by DARTS and its successors.

DARTS (Liu, Simonyan, Yang, ICLR 2019), algorithm 1: while not converged,
  1. update α by descending ∇_α L_val(w, α)
  2. update w by descending ∇_w L_train(w, α)

    α        architecture parameters, `_alpha`, float64[n_players], updated by Adam
    w        weights of the supernet
    L_val    cross entropy on an augmented batch of `valid`, the training images not used for w

A strategy may override `relaxed` (mixing weights as a function of α), `alpha_gradient` (line 1) and
`mixing` (line 2).
"""
# Tested in tests/strategies/test_darts.py.

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from pipeline import seeds
from pipeline.data import Images
from pipeline.strategies.weights import Tally, WeightSharing
from pipeline.supernet import mixture
from pipeline.training.optimisers import Adam

Batch = tuple[Tensor, Tensor]


class GradientSearch(WeightSharing):
    """Algorithm 1 of DARTS.

    Attributes:
        draws: random generator of the epoch.
        extra: counts images in additional forward passes, each followed by a backward pass.
        extra_backward: images in additional backward passes that reuse a forward pass.
    """

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._alpha.requires_grad_()
        self.alpha_optimiser = self.new_alpha_optimiser()
        self.begin(0)

    def new_alpha_optimiser(self) -> Any:
        """A new Adam on the architecture parameters."""
        return Adam(
            self.architecture(),
            lr=self.settings.alpha_learning_rate,
            betas=self.settings.alpha_betas,
            weight_decay=self.settings.alpha_weight_decay,
        )

    def architecture(self) -> list[Tensor]:
        """All tensors that line 1 updates."""
        return [self._alpha]

    def begin(self, epoch: int) -> None:
        """Prepare an epoch."""
        self.draws = seeds.torch_generator(self.seed, "draws", epoch)
        self.extra, self.extra_backward = Tally(), 0

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Algorithm 1 over one pass of the training images."""
        self.begin(epoch)
        batches, tally = self._endless(valid, epoch), Tally()
        if self.frozen(epoch):
            metrics = self.train_weights(epoch, train)
        else:
            metrics = self.train_weights(
                epoch, train, lambda *batch: self.step_alpha(batch, next(batches), tally)
            )
            tally.share(self.ranks)
        metrics["images_forward"] += tally.n + self.extra.n
        metrics["images_backward"] += tally.n + self.extra.n + self.extra_backward
        if tally.n:
            metrics |= {"valid_loss": tally.loss, "valid_accuracy": tally.accuracy}
        return metrics

    def frozen(self, epoch: int) -> bool:
        """Whether alpha stays fixed in this epoch."""
        return epoch < self.warmup_epochs

    def step_alpha(self, train: Batch, valid: Batch, tally: Tally) -> None:
        """Line 1 of algorithm 1: one step on alpha."""
        gradients = self.alpha_gradient(train, valid, tally)
        for parameter, gradient in zip(self.architecture(), gradients, strict=True):
            parameter.grad = gradient
        self.alpha_optimiser.step()

    def alpha_gradient(self, train: Batch, valid: Batch, tally: Tally) -> tuple[Tensor, ...]:
        """∇_α L_val(w, α) with w fixed, for each tensor of `architecture`.

        `train` is the batch of the weight step that follows. L_val is added to `tally`.
        """
        total = [torch.zeros_like(parameter) for parameter in self.architecture()]
        for images, labels, share, is_own in self.micro_batches(*valid):
            mixing = self.relaxed()
            if is_own:
                loss = self.loss(images, labels, mixing, tally) * share
                gradients = torch.autograd.grad(loss, self.architecture())
                for sum_so_far, gradient in zip(total, gradients, strict=True):
                    sum_so_far += gradient
        return tuple(self.ranks.sum(gradient) for gradient in total)

    def relaxed(self) -> Tensor:
        """Mixing weights float32[n_players], differentiable with respect to alpha (Eq. 2)."""
        return mixture(self.space, self._alpha.float())

    def mixing(self) -> Tensor:
        """The mixing weights that line 2 uses."""
        return self.relaxed().detach()

    def _endless(self, valid: Images, epoch: int) -> Iterator[Batch]:
        """Batches of `valid`, which may have fewer than an epoch needs."""
        for lap in itertools.count():
            yield from self.batches(valid, "alpha", epoch, lap)

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha, and the moments of both optimisers."""
        return {**super().state_dict(), "alpha_optimiser": self.alpha_optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self.alpha_optimiser.load_state_dict(state["alpha_optimiser"])
