"""Removes one operation at a time: in each step, the one whose contribution is smallest.

A contribution is a value of an additive model of the accuracies. The model is fitted again before
each removal, because a removal changes the values of the others. Fitted to the test accuracies of
NAS-Bench-201, it leaves the best cell on all three data sets (`docs/results/oracle_table.md`).
"""
# Tested in tests/strategies/test_shrinking.py.

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from pipeline.spaces import Space
from pipeline.strategies.architectures import choose_all, may_win
from pipeline.strategies.contributions import Evaluated, additive
from pipeline.strategies.edges import ranked_strength
from pipeline.strategies.weights import initial_noise


class Remaining:
    """The operations that remain; at the end each edge has one.

    Attributes:
        left: bool[n_players], the players that remain.
        order: float64[n_players], k for the k-th player removed, 0 for players that remain.
        a: float64[n_players], the fitted values; a removed player keeps its last value.
        n_removals: number of removals in total.
    """

    def __init__(self, space: Space, none_may_win: bool, seed: int):
        self._space, self._none_may_win = space, none_may_win
        self.left = may_win(space, none_may_win).ravel().copy()
        self.order = np.zeros(space.n_players)
        self.a = initial_noise(space.n_players, seed, "values")
        self.n_removals = int(self.left.sum()) - space.n_edges

    @property
    def next(self) -> int:
        """Number of the next removal, from 1."""
        return int(self.order.max()) + 1

    def draw(self, rng: np.random.Generator) -> list[int]:
        """A random architecture of the remaining operations, as players."""

        def choose(_: int, allowed: np.ndarray) -> int:
            return int(rng.choice(np.flatnonzero(allowed & self.left)))

        return choose_all(self._space, choose, self._none_may_win)

    def remove(self, evaluated: Evaluated) -> None:
        """Fit the values to the remaining architectures and remove the weakest player."""
        fitted = additive(evaluated.among(self.left), len(self.left))
        self.a = np.where(self.left, fitted, self.a)
        weakest = behind(self.a, self.left, self._space.n_operations).argmax()
        self.order[weakest] = self.next
        self.left[weakest] = False

    def strength(self) -> np.ndarray:
        """Remaining players rank first, by value; then removed players, the last one first."""
        shape = (self._space.n_edges, self._space.n_operations)
        a, left, order = (x.reshape(shape) for x in (self.a, self.left, self.order))
        place = (a - a[left].min()) / max(np.ptp(a[left]), 1e-12)
        weights = np.where(left, 2 + place, order / (self.n_removals + 1))
        best = np.where(left, place, -np.inf).max(axis=1)
        return ranked_strength(self._space, weights, best)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The state."""
        return {name: torch.from_numpy(getattr(self, name)) for name in ("left", "order", "a")}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Continue from a state that `state_dict` returned."""
        for name, tensor in state.items():
            setattr(self, name, tensor.numpy().copy())


def behind(a: np.ndarray, left: np.ndarray, n_operations: int) -> np.ndarray:
    """The best value on each operation's edge minus the operation's value, float64[n_players].

    The result is -inf for removed operations, and for the last operation of an edge.
    """
    table, here = a.reshape(-1, n_operations), left.reshape(-1, n_operations)
    best = np.where(here, table, -np.inf).max(axis=1, keepdims=True)
    several = here.sum(axis=1, keepdims=True) > 1
    return np.where(here & several, best - table, -np.inf).ravel()
