"""SDARTS-ADV: trains the weights with adversarial mixing weights.

Chen & Hsieh, "Stabilizing differentiable architecture search via perturbation-based
regularization" (ICML 2020).

The update of the weights w (line 2 of DARTS' algorithm 1, `gradient.py`) uses the worst mixing
weights near softmax(α):

    w descends max_{‖δ‖∞ ≤ ε} L_train(w, softmax(α) + δ)

The maximum is approximated by projected gradient ascent from a random start: seven steps of 2ε/7
along the sign of the gradient. After each step, δ is clipped to [-ε, ε], and the mixing weights are
projected onto the simplex of each edge. During the ascent, batch norms use running statistics, as
in the authors' code. Deviation: the authors' code drops δ if it does not raise the loss; we always
keep δ.
"""
# Tested in tests/strategies/test_sampling.py.

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.strategies.sdarts_rs import SDartsRs
from pipeline.strategies.weights import Tally
from pipeline.supernet import evaluation_mode


class SDartsAdv(SDartsRs):
    """Training under adversarial perturbation."""

    def step_weights(self, images: Tensor, labels: Tensor, tally: Tally) -> None:
        """One step on w under the worst mixing weights for this batch."""
        self._worst = self.attack(images, labels)
        super().step_weights(images, labels, tally)

    def mixing(self) -> Tensor:
        """softmax(α) + δ for the current batch."""
        return self._worst

    def attack(self, images: Tensor, labels: Tensor) -> Tensor:
        """Mixing weights [n_players] near softmax(α) under which the loss is large."""
        centre, steps = self.relaxed().detach(), self.settings.attack_steps
        mixing = self.perturbed(centre)
        with evaluation_mode(self.supernet, "running"):
            for _ in range(steps):
                mixing.requires_grad_()
                loss = self.loss(images, labels, mixing, self.extra)
                (gradient,) = torch.autograd.grad(loss, mixing)
                mixing = mixing.detach() + 2 * self.epsilon / steps * gradient.sign()
                delta = (mixing - centre).clamp(-self.epsilon, self.epsilon)
                mixing = self.projected(centre + delta)
        return mixing
