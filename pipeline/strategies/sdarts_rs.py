"""SDARTS-RS: DARTS that trains the weights w under randomly perturbed mixing weights.

Chen & Hsieh, "Stabilizing differentiable architecture search via perturbation-based
regularization" (ICML 2020).

In line 2 of DARTS' algorithm 1 (`gradient.py`), noise δ is added to the mixing weights:

    w descends E L_train(w, softmax(α) + δ),   δ uniform in [-ε, ε] for each operation

E is the expectation over δ. softmax(α) + δ is clipped and scaled onto the simplex, as in the
authors' code. ε rises linearly over the epochs.
"""
# Tested in tests/strategies/test_sampling.py.

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.strategies.gradient import GradientSearch
from pipeline.strategies.sampling import on_simplex


class SDartsRs(GradientSearch):
    """Random smoothing."""

    def begin(self, epoch: int) -> None:
        """Set ε for this epoch."""
        super().begin(epoch)
        low, high = self.settings.epsilon_min, self.settings.epsilon
        self.epsilon = low + (high - low) * epoch / max(1, self.search.epochs)

    def mixing(self) -> Tensor:
        """softmax(α) + δ on the simplex."""
        return self.perturbed(self.relaxed().detach())

    def perturbed(self, mixing: Tensor) -> Tensor:
        """Mixing weights [n_players] plus uniform noise, projected onto each edge's simplex."""
        noise = 2 * torch.rand(len(mixing), generator=self.draws) - 1
        return self.projected(mixing + self.epsilon * noise.to(mixing))

    def projected(self, mixing: Tensor) -> Tensor:
        """The mixing weights projected onto the simplex of each edge."""
        return on_simplex(mixing.view(-1, self.space.n_operations)).flatten()
