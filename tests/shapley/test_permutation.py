"""Permutation sampling: unbiased, efficient at any budget, honest about its error."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.errors import InputError
from pipeline.shapley import Game, estimate
from pipeline.shapley.permutation import permutation
from tests.shapley.games import GAMES, KnownGame, Orders, airport, dividends, glove


@pytest.mark.parametrize("game", GAMES, ids=lambda game: game.name)
def test_known_games_within_error(game: KnownGame) -> None:
    found = estimate(game.value, game.n_players, "permutation", permutations=2000, seed=1)
    error = np.nan_to_num(found.standard_error)
    assert (np.abs(found.phi - game.phi) <= 4 * error + 1e-12).all()
    assert (error < 0.1 * max(np.ptp(game.phi), 1)).all()


def test_all_orders_are_exact() -> None:
    """Eq. 4 over each of the 3! permutations once."""
    orders = Orders(*(list(order) for order in permutations(range(3))))
    found = permutation(Game(glove().value, 3), orders, permutations=6)
    assert_allclose(found.phi, [1 / 6, 1 / 6, 4 / 6], atol=1e-12)


def test_one_order_by_hand() -> None:
    """Airport costs 1, 4, 4, 9, 10; players leave in the order 4, 0, 3, 2, 1.

    V: N 10, then 9, 9, 4, 4, 0: the marginal contributions are 1, 0, 5, 0, 4.
    """
    found = permutation(Game(airport().value, 5), Orders([4, 0, 3, 2, 1]), permutations=1)
    assert_allclose(found.phi, [0, 4, 0, 5, 1])
    assert np.isnan(found.standard_error).all()


@pytest.mark.parametrize("budget", [6, 9, 10, 57])
def test_efficiency_holds_for_any_budget(budget: int) -> None:
    """Σ φ = V(N) - V(∅), V(∅) not being zero; whole permutations telescope."""
    game = dividends(5, seed=3)
    found = estimate(game.value, 5, "permutation", budget=budget)
    ends = game.value(np.array([[False] * 5, [True] * 5]))
    assert_allclose(found.phi.sum(), ends[1] - ends[0])
    # V(N) and V(∅) once, four coalitions between them for each permutation, unless known already.
    assert found.evaluations <= budget
    assert budget > 10 or found.evaluations == 2 + 4 * ((budget - 2) // 4)
    assert (found.reached >= (budget - 2) // 4).all()


def test_linearity() -> None:
    """φ(V + W) = φ(V) + φ(W), not only in expectation: the same orders are drawn."""
    V, W = airport().value, dividends(5, seed=3).value
    phi = [
        estimate(game, 5, "permutation", permutations=4).phi
        for game in (lambda S: V(S) + W(S), V, W)
    ]
    assert_allclose(phi[0], phi[1] + phi[2])


def test_permutations_and_budget_both_bind() -> None:
    value = airport().value
    assert (estimate(value, 5, "permutation").reached == 10).all()
    assert (estimate(value, 5, "permutation", permutations=3).reached == 3).all()
    assert (estimate(value, 5, "permutation", budget=100, permutations=3).reached == 3).all()
    assert (estimate(value, 5, "permutation", budget=11, permutations=3).reached == 2).all()


def test_standard_error_is_the_spread_over_seeds() -> None:
    game = dividends(4, seed=4)
    runs = [
        estimate(game.value, 4, "permutation", permutations=50, seed=seed) for seed in range(400)
    ]
    spread = np.std([run.phi for run in runs], axis=0, ddof=1)
    claimed = np.mean([run.standard_error for run in runs], axis=0)
    assert_allclose(claimed, spread, rtol=0.12)
    assert_allclose(
        np.mean([run.phi for run in runs], axis=0), game.phi, atol=4 * spread.max() / 20
    )


def test_refusals() -> None:
    with pytest.raises(
        InputError, match="budget is 5; a permutation of 5 players takes 6 evaluations"
    ):
        estimate(airport().value, 5, "permutation", budget=5)
    with pytest.raises(InputError, match="permutations is 0"):
        estimate(airport().value, 5, "permutation", permutations=0)
