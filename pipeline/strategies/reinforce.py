"""REINFORCE, on the table of NAS-Bench-201.

Williams (Machine Learning 8, 1992), as Dong & Yang ("NAS-Bench-201", ICLR 2020, section 4) run it.

A policy with independent logits for each edge. After draw t, which is a,

    b = (1 - d) Σ_{i ≤ t} d^(t - i) R_i / (1 - d^t)      then      θ ascends (R - b) ∇ log π(a)

    θ    logits           -> `_theta` -> float64[edges, operations], by Adam
    R    validation accuracy in percent, as the benchmark's code has it    d    `baseline_decay`
    b    moving average of the rewards, this one among them, corrected for its start at zero
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pipeline.strategies.table_search import Architecture, TableSearch


class Reinforce(TableSearch):
    """Policy gradient."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        shape = (self.space.n_edges, len(self.allowed()))
        self._theta = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        self._optimiser = torch.optim.Adam([self._theta], lr=self.settings.learning_rate)
        self._rewards, self._weight = 0.0, 0.0  # numerator and denominator of b

    def ask(self, rng: np.random.Generator) -> Architecture:
        """A draw from the policy."""
        policy = self._theta.detach().softmax(1).numpy()
        allowed = self.allowed()
        return tuple(int(allowed[rng.choice(len(p), p=p / p.sum())]) for p in policy)

    def tell(self, architecture: Architecture, value: float) -> None:
        """One step of the baseline, then of the policy."""
        R, d = value, self.settings.baseline_decay
        self._rewards = d * self._rewards + (1 - d) * R
        self._weight = d * self._weight + (1 - d)
        b = self._rewards / self._weight
        picks = np.searchsorted(self.allowed(), architecture)
        log_pi = self._theta.log_softmax(1)[range(len(picks)), picks].sum()
        self._optimiser.zero_grad()
        (-(R - b) * log_pi).backward()
        self._optimiser.step()
