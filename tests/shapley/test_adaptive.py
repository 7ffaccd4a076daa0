"""Sampling that stops: at the error, at decided edges, at the budget; and where it looks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.errors import InputError
from pipeline.shapley import estimate
from pipeline.shapley.adaptive import FEWEST, adaptive
from tests.shapley import checks
from tests.shapley.games import airport

EDGES = [0, 0, 0, 1, 1, 1]


class Noisy:
    """Six players on two edges; each draw adds noise to what a player is worth, as images do."""

    worth = np.array([0.5, 0.3, 0.1, 0.4, 0.35, 0.0])

    def __init__(self, seed: int, worth: np.ndarray | None = None, noise: float = 0.1):
        self.seed, self.noise = seed, noise
        self.mean = self.worth if worth is None else worth

    def redraw(self, m: int) -> None:
        rng = np.random.default_rng((self.seed, m))
        self.drawn = self.mean + self.noise * rng.standard_normal(6)

    def __call__(self, S: np.ndarray) -> np.ndarray:
        return S @ self.drawn


def test_stops_at_the_target_error() -> None:
    found = estimate(Noisy(0), 6, "adaptive", target_error=0.02, permutations=500)
    assert (found.standard_error <= 0.02).all()
    # (0.1 / 0.02)² = 25 permutations are needed, and not many more are made.
    assert 10 <= found.reached.min() <= found.reached.max() <= 50


def test_stops_when_the_edges_are_decided() -> None:
    found = estimate(Noisy(1), 6, "adaptive", edges=EDGES, permutations=500)
    assert found.reached.max() < 500
    assert np.argmax(found.phi[:3]) == 0
    assert np.argmax(found.phi[3:]) == 0
    # The losers are left early, the close pair of the second edge is looked at longest.
    assert found.reached[2] <= found.reached[4] == found.reached[3] == found.reached.max()
    assert found.reached[5] < found.reached[4]
    assert not found.efficient


def test_looking_only_where_it_is_open_saves_evaluations() -> None:
    found = estimate(Noisy(1), 6, "adaptive", edges=EDGES, permutations=500)
    assert found.evaluations < 0.8 * 7 * found.reached.max()


def test_wrong_decisions_are_rarer_than_asked() -> None:
    """Equal players, 100 searches at confidence 0.9: each decision is wrong, at most 10 % are made.

    With the true rate at 0.1, 21 or more decisions of 100 have probability 1e-3.
    """
    equal = np.full(6, 0.2)
    decided = 0
    for seed in range(100):
        found = estimate(
            Noisy(seed, equal), 6, "adaptive", edges=EDGES, confidence=0.9, permutations=40
        )
        decided += found.reached.min() < 40
    assert decided <= 20


def test_an_edge_with_one_operation_is_decided() -> None:
    found = estimate(Noisy(2), 6, "adaptive", edges=[0, 1, 2, 3, 4, 5])
    assert found.reached.max() == FEWEST


def test_open_players_stay_unbiased() -> None:
    checks.open_players_only(adaptive)


def test_whole_without_a_reason_to_stop() -> None:
    """As `permutation`, the paper's ten."""
    found = estimate(airport().value, 5, "adaptive", seed=4)
    assert_allclose(found.phi, estimate(airport().value, 5, "permutation", seed=4).phi)
    assert found.efficient


@pytest.mark.parametrize("budget", [14, 40, 100])
def test_budget_is_kept(budget: int) -> None:
    found = estimate(Noisy(0), 6, "adaptive", budget, target_error=1e-9)
    assert budget - 7 < found.evaluations <= budget


def test_refusals() -> None:
    with pytest.raises(InputError, match="confidence is 1"):
        estimate(Noisy(0), 6, "adaptive", edges=EDGES, confidence=1.0)
    with pytest.raises(InputError, match="edges names 2 players, not 6"):
        estimate(Noisy(0), 6, "adaptive", edges=[0, 1])
    with pytest.raises(InputError, match="target_error is -1"):
        estimate(Noisy(0), 6, "adaptive", target_error=-1)
