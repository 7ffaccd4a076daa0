"""DrNAS: Chen, Wang, Cheng, Tang, Hsieh, "DrNAS: Dirichlet neural architecture search" (ICLR 2021).

Unlike DARTS (`gradient.py`), each step draws the mixing weights θ from a Dirichlet distribution, so
α minimises the expected validation loss:

    min_α E_{θ ~ Dir(β)} L_val(w, θ) + λ/2 ‖α‖²,   β = elu(α) + 1

    θ    mixing weights, with pathwise derivatives    λ    `alpha_weight_decay`

As in the authors' code, the penalty is Adam's weight decay, and the cell is chosen by softmax(α).

The search has stages of equal length. In the first stage, 1 / `partial_channels` of the channels
pass through the operations. Each new stage multiplies this share by `growth`. Net2Wider extends the
weights and their momentum to the new channels. Each edge keeps only the operations with the largest
α. α is frozen in the first epochs of each stage.
"""
# Tested in tests/strategies/test_progressive.py.

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pipeline.spaces.space import softmax
from pipeline.strategies.growth import grow, inherit_momentum
from pipeline.strategies.progressive import ProgressiveSearch, strongest
from pipeline.strategies.sampling import dirichlet


class DrNas(ProgressiveSearch):
    """Progressive search with Dirichlet mixing weights."""

    @property
    def n_stages(self) -> int:
        """Number of stages in the settings."""
        return int(self.settings.stages)

    def prune(self, stage: int) -> None:
        """Keep the operations with the largest α."""
        n_kept = max(1, round(self.settings.keep * self.kept.sum(axis=1).max()))
        self.kept = strongest(self.alpha(), self.kept, n_kept)

    def shape(self, stage: int) -> None:
        """Let more channels pass through the operations."""
        most = round(self.search.supernet.partial_channels / self.settings.growth**stage)
        k = next(k for k in range(max(1, most), 0, -1) if self.search.supernet.channels % k == 0)
        if grow(self.supernet, self.seed, k):
            before, self.weight_optimiser = self.weight_optimiser, self.new_weight_optimiser()
            inherit_momentum(self.weight_optimiser, before)

    def concentration(self) -> Tensor:
        """β, float64 [edges, operations]."""
        return torch.nn.functional.elu(self._alpha).view(self.kept.shape) + 1

    def relaxed(self) -> Tensor:
        """θ ~ Dir(β) over the remaining operations of each edge, 0 elsewhere."""
        return dirichlet(self.concentration(), self.kept_mask(), self.draws).flatten().float()

    def strength(self) -> np.ndarray:
        """Log softmax(α) over the remaining operations; pruned ones rank last."""
        mixing = softmax(self.alpha().reshape(self.kept.shape), self.kept)
        return np.log(mixing + 1e-9).ravel()
