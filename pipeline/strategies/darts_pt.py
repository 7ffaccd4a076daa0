"""DARTS-PT: selects operations by the accuracy that the supernet loses without them.

Wang et al., "Rethinking architecture selection in differentiable NAS" (ICLR 2021), algorithm 1.

The supernet is trained as in DARTS. Then edges are decided one by one in random order, with
training in between. On each edge, the operation whose removal costs the most accuracy is chosen. At
the end, each node of DARTS' cells keeps the two edges whose removal costs the most accuracy.
Deviation from the paper: these edges are selected without training between nodes.
"""
# Tested in tests/strategies/test_shared_weights.py.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline import seeds
from pipeline.data import Images
from pipeline.spaces.space import softmax
from pipeline.strategies.architectures import value_batches
from pipeline.strategies.edges import ranked_strength
from pipeline.strategies.gradient import GradientSearch
from pipeline.strategies.perturbation import Perturbation, due_decisions
from pipeline.strategies.weights import cosine


class DartsPt(GradientSearch):
    """Perturbation-based selection."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._kept = np.ones((self.space.n_edges, self.space.n_operations), dtype=bool)
        self._importance = np.zeros(self.space.n_edges)

    @property
    def n_epochs(self) -> int:
        """The recipe's epochs, those between decisions, and one for the last decision."""
        return self.search.epochs + self.settings.tune_epochs * (len(self.space.edges) - 1) + 1

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Train as DARTS; after the recipe's epochs make due decisions and continue training."""
        after, tune = epoch - self.search.epochs, self.settings.tune_epochs
        if after == 0:
            self.weight_optimiser = self.new_weight_optimiser()
        decided = self._decide(due_decisions(after, tune, len(self.space.edges)), valid)
        if epoch == self.n_epochs - 1:
            return {"images_forward": decided, "images_backward": 0}
        metrics = super().epoch(epoch, train, valid)
        return metrics | {"images_forward": metrics["images_forward"] + decided}

    def learning_rate(self, epoch: int) -> float:
        """The recipe's rate in its epochs; then a tenth of the initial rate.

        If `tune_rate_min` is set, the rate falls from this tenth to `tune_rate_min` by a cosine.
        """
        after, first = epoch - self.search.epochs, self.search.learning_rate / 10
        if after < 0:
            return super().learning_rate(epoch)
        last = self.settings.tune_rate_min
        length = self.n_epochs - self.search.epochs
        return first if last is None else cosine(first, last, after / length)

    def _decide(self, due: list[int], valid: Images) -> int:
        """Decide the edges at `due` in the random order; return the number of images classified."""
        if not due:
            return 0
        n, draws = len(self.space.edges), seeds.torch_generator(self.seed, "value")
        batches = value_batches(valid, self.settings.value_images, self.search.batch_size, draws)
        probe = Perturbation(self.supernet, batches, self.relaxed)
        order = seeds.numpy_generator(self.seed, "edges").permutation(n)
        for edge in (edge for i in due for edge in range(order[i], self.space.n_edges, n)):
            self._kept[edge] = probe.costliest_operation(edge)
        if due[-1] == n - 1 and self.space.kept_edges:
            self._importance = (1 + probe.cost_of_edges()) / 2
        return probe.n_images

    def relaxed(self) -> Tensor:
        """Softmax of alpha; on a decided edge, 1 for the chosen operation and 0 for the others."""
        soft = super().relaxed().view(self._kept.shape)
        kept = torch.from_numpy(self._kept).to(self.device)
        return torch.where(kept.sum(1, keepdim=True) == 1, kept.to(soft), soft).flatten()

    def strength(self) -> np.ndarray:
        """The chosen operations; edges rank by the accuracy lost by their removal."""
        mixing = softmax(self.alpha().reshape(self._kept.shape)) * self._kept
        return ranked_strength(self.space, mixing, self._importance)

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha, optimisers, decisions."""
        kept, importance = map(torch.from_numpy, (self._kept, self._importance))
        return {**super().state_dict(), "kept": kept, "importance": importance}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self._kept, self._importance = (state[k].numpy().copy() for k in ("kept", "importance"))
