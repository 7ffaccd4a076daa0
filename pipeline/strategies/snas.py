"""SNAS: Xie, Zheng, Liu, Lin, "SNAS: stochastic neural architecture search" (ICLR 2019).

Each step draws the mixing weights of each edge from a concrete distribution:

    Z = softmax((α + G) / λ)

    G    Gumbel noise
    λ    `temperature`, which falls linearly over the epochs

In the authors' code, α and the weights w minimise the same loss on the same batch (one level). The
published result on NAS-Bench-201 comes from the code of DrNAS, in which α minimises the loss on the
validation half (two levels, algorithm 1 of DARTS).

Deviations: we use neither drop path during the search nor the resource penalty.
"""
# Tested in tests/strategies/test_sampling.py.

from __future__ import annotations

from torch import Tensor

from pipeline.data import Images
from pipeline.strategies.gradient import GradientSearch
from pipeline.strategies.sampling import concrete
from pipeline.strategies.weights import Tally


class Snas(GradientSearch):
    """Search with concrete draws."""

    def begin(self, epoch: int) -> None:
        """Lower the temperature."""
        super().begin(epoch)
        self.temperature = falling(
            self.settings.temperature, self.settings.temperature_min, epoch, self.search.epochs + 1
        )

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """With one level, one pass that updates α and w; otherwise algorithm 1 of DARTS."""
        if self.settings.levels == 2:
            return super().epoch(epoch, train, valid)
        self.begin(epoch)
        self._frozen = epoch < self.warmup_epochs
        return self.train_weights(epoch, train)

    def step_weights(self, images: Tensor, labels: Tensor, tally: Tally) -> None:
        """Update w; with one level, after the warm-up, also α on the same loss."""
        self._alpha.grad = None
        super().step_weights(images, labels, tally)
        if self.settings.levels == 1 and not self._frozen:
            self.alpha_optimiser.step()

    def relaxed(self) -> Tensor:
        """Mixing weights Z, drawn again at each call."""
        logits = self._alpha.view(-1, self.space.n_operations)
        return concrete(logits, self.temperature, self.draws).flatten().float()

    def mixing(self) -> Tensor:
        """Mixing weights for training w; with one level they keep the gradient of α."""
        return self.relaxed() if self.settings.levels == 1 else self.relaxed().detach()


def falling(first: float, last: float, epoch: int, epochs: int) -> float:
    """The line from `first` in epoch 0 to `last` in the last epoch."""
    return first + (last - first) * epoch / max(1, epochs - 1)
