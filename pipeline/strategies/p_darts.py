"""P-DARTS: from stage to stage, the supernet gets deeper and has fewer operations.

Chen, Xie, Wu, Tian, "Progressive differentiable architecture search: bridging the depth gap
between search and evaluation" (ICCV 2019).

The three stages have 5, 11 and 17 cells. Each edge keeps the operations with the largest α: 8 in
the first stage, then 5, then 3. Each stage starts with new weights and a new α, which is frozen at
first (in the paper, for 10 of 25 epochs). Dropout follows each skip connection of stride 1, at a
rate that falls during a stage. The final normal cell has at most `max_skips` skip connections.
"""
# Tested in tests/strategies/test_progressive.py.

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from pipeline.spaces.space import softmax
from pipeline.strategies.edges import without_skips
from pipeline.strategies.gradient import Batch
from pipeline.strategies.growth import adopt, reshaped
from pipeline.strategies.progressive import ProgressiveSearch, strongest
from pipeline.strategies.skip_dropout import add_skip_dropout
from pipeline.strategies.weights import Tally, initial_noise, learning_rate
from pipeline.supernet import mixture


class PDarts(ProgressiveSearch):
    """A progressively deeper search."""

    @property
    def n_stages(self) -> int:
        """The number of depths in the settings."""
        return len(self.settings.added_cells)

    def begin(self, epoch: int) -> None:
        """Lower the dropout."""
        super().begin(epoch)
        first, warm = self.settings.skip_dropout[self.stage], self.settings.stage_warmup
        for dropout in getattr(self, "_dropouts", []):
            dropout.rate, dropout.generator = falling_rate(first, self.share, warm), self.draws

    def prune(self, stage: int) -> None:
        """Keep the operations with the largest α, then initialise α again."""
        self.kept = strongest(self.alpha(), self.kept, self.settings.operations[stage])
        alpha = initial_noise(self.space.n_players, self.seed, f"alpha {stage}")
        self._alpha.data.copy_(self._alpha.new_tensor(alpha))
        self.alpha_optimiser = self.new_alpha_optimiser()

    def shape(self, stage: int) -> None:
        """Make a deeper supernet with new weights."""
        cells = self.search.supernet.cells + self.settings.added_cells[stage]
        adopt(self.supernet, reshaped(self.supernet, self.seed, cells=cells))
        self.weight_optimiser = self.new_weight_optimiser()
        self._dropouts = add_skip_dropout(self.supernet)

    def learning_rate(self, epoch: int) -> float:
        """A separate cosine for each stage."""
        return learning_rate(self.search, self.share * self.search.epochs)

    def alpha_gradient(self, train: Batch, valid: Batch, tally: Tally) -> tuple[Tensor, ...]:
        """∇_α L_val, clipped."""
        (gradient,) = super().alpha_gradient(train, valid, tally)
        return (gradient * min(1.0, self.settings.alpha_clip / (float(gradient.norm()) + 1e-6)),)

    def relaxed(self) -> Tensor:
        """Softmax over the remaining operations."""
        kept = self.kept_mask().flatten()
        return mixture(self.space, self._alpha.float(), kept, renormalise=True)

    def strength(self) -> np.ndarray:
        """Log weights of the remaining operations; at most `max_skips` skip connections can win."""
        mixing = softmax(self.alpha().reshape(self.kept.shape), self.kept)
        return without_skips(self.space, np.log(mixing + 1e-9).ravel(), self.settings.max_skips)


def falling_rate(first: float, share: float, warm: float) -> float:
    """Dropout rate after the fraction `share` of a stage; `first` is the rate at its start.

    In the warm-up (share < warm), the rate is first * (1 - share). After it, the rate is
    first * exp(-0.2 a) with a = 25 (share - warm). A stage of the paper has 25 epochs.
    """
    return first * (1 - share if share < warm else math.exp(-0.2 * 25 * (share - warm)))
