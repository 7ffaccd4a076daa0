"""GDAS: Dong & Yang, "Searching for a robust neural architecture in four GPU hours" (CVPR 2019).

In the forward pass, each edge uses only the operation with the largest α + G. Here α are the edge's
architecture parameters, and G is Gumbel noise. The backward pass uses the gradient of h~:

    h = one-hot(argmax(h~)) + h~ - stop(h~),   h~ = softmax((α + G) / τ)

Here stop(h~) equals h~ but has no gradient. The temperature τ falls during the search.

Deviations: all operations of an edge are computed when a gradient is needed, so a step costs as
much as a step of DARTS. Our gradient of h~ includes all operations; the authors' code computes it
only for the drawn operation.
"""
# Tested in tests/strategies/test_sampling.py.

from __future__ import annotations

from torch import Tensor

from pipeline.strategies.gradient import GradientSearch
from pipeline.strategies.sampling import concrete, straight_through
from pipeline.strategies.snas import falling


class Gdas(GradientSearch):
    """One operation for each edge, drawn again in each step."""

    def begin(self, epoch: int) -> None:
        """Lower the temperature."""
        super().begin(epoch)
        self.temperature = falling(
            self.settings.temperature, self.settings.temperature_min, epoch, self.search.epochs
        )

    def relaxed(self) -> Tensor:
        """One-hot weights h, with the gradient of h~."""
        logits = self._alpha.view(-1, self.space.n_operations)
        soft = concrete(logits, self.temperature, self.draws)
        return straight_through(soft).flatten().float()
