"""REINFORCE, a search on the table of NAS-Bench-201.

Williams (Machine Learning 8, 1992), as in Dong & Yang, "NAS-Bench-201" (ICLR 2020, section 4).

The policy π has independent logits for each edge. Step t draws an architecture a from π, looks up
its reward R_t, and updates the baseline b and the logits θ:

    b = (1 - d) Σ_{i ≤ t} d^(t - i) R_i / (1 - d^t),     θ ascends (R_t - b) ∇_θ log π(a)

    θ    logits           -> `_theta` -> float64[edges, operations], by Adam
    R    reward: validation accuracy in percent
    b    moving average of the rewards R_1 .. R_t, corrected for its start at zero
    d    `baseline_decay`
"""
# Tested in tests/strategies/test_table_search.py.

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.spaces.space import softmax
from pipeline.strategies.table_search import Architecture, TableSearch

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Adam's


class Reinforce(TableSearch):
    """Policy gradient."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        shape = (self.space.n_edges, len(self.allowed()))
        self._theta, self._m, self._v = (np.zeros(shape) for _ in range(3))
        self._rewards, self._weight = 0.0, 0.0  # numerator and denominator of b

    def ask(self, rng: np.random.Generator) -> Architecture:
        """A draw from the policy."""
        allowed = self.allowed()
        return tuple(int(allowed[rng.choice(len(p), p=p)]) for p in self._policy())

    def _policy(self) -> np.ndarray:
        """π, [edges, operations]."""
        return softmax(self._theta)

    def tell(self, architecture: Architecture, value: float) -> None:
        """One step of the baseline, then of the policy."""
        R, d = value, self.settings.baseline_decay
        self._rewards = d * self._rewards + (1 - d) * R
        self._weight = d * self._weight + (1 - d)
        b = self._rewards / self._weight
        picks = np.searchsorted(self.allowed(), architecture)
        gradient = (R - b) * (np.eye(self._theta.shape[1])[picks] - self._policy())  # ∇ log π
        t = len(self.values)  # includes this one
        self._m += (1 - BETA_1) * (gradient - self._m)
        self._v += (1 - BETA_2) * (gradient**2 - self._v)
        m, v = self._m / (1 - BETA_1**t), self._v / (1 - BETA_2**t)
        self._theta += self.settings.learning_rate * m / (np.sqrt(v) + EPSILON)
