"""GDAS: Dong & Yang, "Searching for a robust neural architecture in four GPU hours" (CVPR 2019).

Forward, each edge has one operation, the largest of α + G (G Gumbel); backward, the gradient of
the soft weights takes its place:

    h = one-hot(argmax(h~)) + h~ - stop(h~),   h~ = softmax((α + G) / τ),   τ falling

Deviations: all operations of an edge are computed under a gradient, so that a step costs what one
of DARTS does and not the fraction that the paper reports, and the gradient of h~ is the exact one,
where the authors' code has it for the drawn operation only.
"""
# Tested in tests/strategies/test_sampling.py.

from __future__ import annotations

from torch import Tensor

from pipeline.strategies.gradient import GradientSearch
from pipeline.strategies.sampling import concrete, straight_through
from pipeline.strategies.snas import falling


class Gdas(GradientSearch):
    """One operation an edge, drawn anew each step."""

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
