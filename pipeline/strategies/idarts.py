"""iDARTS: the gradient of α through the weights, by the implicit function theorem.

Zhang, Su, Pan, Chang, Abbasnejad, Haffari, "iDARTS: differentiable architecture search with
stochastic implicit gradients" (ICML 2021).

The inverse Hessian in ∇_α L_val is approximated by K + 1 terms of its Neumann series. With L_train
on one training batch and L_val on one validation batch, the gradient becomes

    ∂_α L_val - γ Σ_{k=0..K} (∂²L_train / ∂α ∂w) (I - γ H)^k ∂_w L_val,   H = ∂²L_train / ∂w ∂w

    γ    `gamma`; by default the learning rate of the weights, as in the authors' code
    K    `terms`

With K = 0 this is the gradient of second-order DARTS, except that DARTS computes ∂_α L_val and
∂_w L_val at the weights after one more step.
"""
# Tested in tests/strategies/test_second_order.py.

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.strategies.gradient import Batch, GradientSearch
from pipeline.strategies.weights import Tally


class IDarts(GradientSearch):
    """Implicit gradients."""

    second_derivatives = True

    def begin(self, epoch: int) -> None:
        """Reset the count of steps."""
        super().begin(epoch)
        self._steps = 0

    def step_alpha(self, train: Batch, valid: Batch, tally: Tally) -> None:
        """Line 1 of algorithm 1, after every `weight_steps` steps of the weights."""
        if self._steps and self._steps % self.settings.weight_steps == 0:
            super().step_alpha(train, valid, tally)
        self._steps += 1

    def alpha_gradient(self, train: Batch, valid: Batch, tally: Tally) -> tuple[Tensor, ...]:
        """The direct gradient minus the term from the Neumann series."""
        w, γ = list(self.supernet.parameters()), self.settings.gamma
        γ = self.weight_optimiser.param_groups[0]["lr"] if γ is None else γ
        loss = self.loss(*valid, self.relaxed(), tally)
        gradient, *term = torch.autograd.grad(loss, [self._alpha, *w])
        loss = self.loss(*train, self.relaxed(), self.extra)
        descent = torch.autograd.grad(loss, w, create_graph=True)
        series = list(term)
        for _ in range(self.settings.terms):
            product = torch.autograd.grad(descent, w, term, retain_graph=True)
            term = [t - γ * Ht for t, Ht in zip(term, product, strict=True)]
            series = [s + t for s, t in zip(series, term, strict=True)]
        (implicit,) = torch.autograd.grad(descent, self._alpha, series)
        self.extra_backward += len(train[1]) * (self.settings.terms + 1)
        return (gradient - γ * implicit,)
