"""DARTS, second order: Liu, Simonyan, Yang (ICLR 2019), section 2.3.

In line 1 of DARTS' algorithm 1 (`gradient.py`), α is updated by the gradient of the validation loss
after one step on the weights (Eqs. 5 to 8 of DARTS):

    w' = w - ξ ∇_w L_train(w, α)
    ∇_α L_val(w', α) - ξ (∇_α L_train(w⁺, α) - ∇_α L_train(w⁻, α)) / 2ε,   w± = w ± ε ∇_w' L_val

    ξ    the learning rate of the weights    ε    0.01 / ‖∇_w' L_val‖₂    -> `EPSILON`

As in the authors' code, the step to w' uses heavy-ball momentum and weight decay, without clipping,
even if training uses Nesterov momentum, as on NAS-Bench-201.
"""
# Tested in tests/strategies/test_second_order.py.

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.strategies.gradient import Batch, GradientSearch
from pipeline.strategies.weights import Tally

EPSILON = 0.01


class Darts2nd(GradientSearch):
    """Second-order DARTS."""

    def alpha_gradient(self, train: Batch, valid: Batch, tally: Tally) -> tuple[Tensor, ...]:
        """Eq. 7, with its second term as the central difference of Eq. 8."""
        w = list(self.supernet.parameters())
        before = [p.detach().clone() for p in w]
        ξ = self.weight_optimiser.param_groups[0]["lr"]
        loss = self.loss(*train, self.relaxed().detach(), self.extra)
        move(w, self._direction(torch.autograd.grad(loss, w)), -ξ)  # w'
        loss = self.loss(*valid, self.relaxed(), tally)
        gradient, *v = torch.autograd.grad(loss, [self._alpha, *w])
        place(w, before)
        ε = EPSILON / torch.cat([x.flatten() for x in v]).norm().clamp_min(1e-12)
        above, below = (self._alpha_gradient_at(train, w, v, sign * ε) for sign in (1, -1))
        place(w, before)
        return (gradient - ξ * (above - below) / (2 * ε),)

    def _direction(self, gradient: Sequence[Tensor]) -> list[Tensor]:
        """The direction that SGD would subtract: gradient, weight decay, momentum; no clipping."""
        direction = []
        for p, g in zip(self.supernet.parameters(), gradient, strict=True):
            buffer = self.weight_optimiser.state[p].get("momentum_buffer")
            g = g + self.search.weight_decay * p.detach()
            direction.append(g if buffer is None else g + self.search.momentum * buffer)
        return direction

    def _alpha_gradient_at(
        self, train: Batch, w: Sequence[Tensor], v: Sequence[Tensor], distance: Tensor
    ) -> Tensor:
        """∇_α L_train(w + distance v, α); w is restored afterwards, up to rounding."""
        move(w, v, distance)
        loss = self.loss(*train, self.relaxed(), self.extra)
        (gradient,) = torch.autograd.grad(loss, self._alpha)
        move(w, v, -distance)
        return gradient


def move(w: Sequence[Tensor], direction: Sequence[Tensor], distance: float | Tensor) -> None:
    """Add distance * direction to w, in place."""
    for p, d in zip(w, direction, strict=True):
        p.data.add_(distance * d)


def place(w: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Set w to values, bit for bit."""
    for p, value in zip(w, values, strict=True):
        p.data.copy_(value)
