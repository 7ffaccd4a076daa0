"""BayesNAS: a sparsity prior drives the switches of redundant operations to zero.

Zhou, Yang, Wang, Pan, "BayesNAS: a Bayesian approach for neural architecture search" (ICML 2019).

Every operation o has a switch w_o with the prior N(0, γ_o). Automatic relevance determination
drives γ_o to zero for redundant operations. The network's weights minimise the loss L. The switches
minimise L with a reweighted L1 penalty:

    min over w   L(w) + λ Σ_o ω_o |w_o|

After each epoch, γ, the posterior variance C and the penalty's weight ω are updated:

    γ_o = |w_o| / ω_o,   C_o = 1 / (1/γ_o + H_o),   ω_o = sqrt(1/γ_o - C_o / γ_o²)

    w    switches           -> `_alpha` -> float64[n_players], start near 1; used as mixing weights
    H    diagonal of L's Hessian with respect to w, at least 0    λ    `sparsity`

Deviations: H is estimated by Hutchinson's method, not layer by layer. All cells of a type share
switches; edges have none. The operation with the largest γ is chosen for each edge, without a
threshold on entropy. `none` is never chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline import seeds
from pipeline.data import Images
from pipeline.strategies.edges import ranked_strength
from pipeline.strategies.relevance import hessian_diagonal, relevance
from pipeline.strategies.weights import Tally, WeightSharing, initial_noise


class BayesNas(WeightSharing):
    """Automatic relevance determination."""

    second_derivatives = True

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        noise = initial_noise(self.space.n_players, self.seed, "switches")
        self._alpha = torch.from_numpy(1 + noise).to(self.device).requires_grad_()
        self._gamma, self._omega = np.abs(self.alpha()), np.ones(self.space.n_players)

    def mixing(self) -> Tensor:
        """The switches themselves, with a gradient."""
        return self._alpha.float()

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Train weights and switches for one pass, then update γ and ω."""
        metrics = self.train_weights(epoch, train)
        generator = seeds.torch_generator(self.seed, "probes", epoch)
        images, labels = next(self.batches(train, "hessian", epoch))
        loss = self.loss(images, labels, self.mixing(), Tally())
        (gradient,) = torch.autograd.grad(loss, self._alpha, create_graph=True)
        H = hessian_diagonal(gradient, self._alpha, self.settings.probes, generator)
        self._gamma, self._omega = relevance(self.alpha(), self._omega, H.cpu().numpy())
        metrics["images_forward"] += len(labels)
        metrics["images_backward"] += len(labels) * (1 + self.settings.probes)
        return metrics

    def step_weights(self, images: Tensor, labels: Tensor, tally: Tally) -> None:
        """One step on the weights, and a proximal step on the switches."""
        self._alpha.grad = None
        super().step_weights(images, labels, tally)
        assert self._alpha.grad is not None
        rate = self.settings.switch_learning_rate
        w = self._alpha.detach() - rate * self._alpha.grad
        shrink = rate * self.settings.sparsity * torch.from_numpy(self._omega).to(w)
        self._alpha.data.copy_(w.sign() * (w.abs() - shrink).clamp_min(0))

    def strength(self) -> np.ndarray:
        """Operations rank by γ, and edges by their largest γ."""
        gamma = self._gamma.reshape(self.space.n_edges, -1)
        best = np.where(self.space.selectable().reshape(gamma.shape), gamma, 0).max(axis=1)
        return ranked_strength(self.space, gamma, best / max(best.max(), 1e-12))

    def state_dict(self) -> dict[str, Any]:
        """Weights, switches and their relevance."""
        relevances = torch.from_numpy(np.stack([self._gamma, self._omega]))
        return {**super().state_dict(), "relevances": relevances}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self._gamma, self._omega = state["relevances"].numpy().copy()
