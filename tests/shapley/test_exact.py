"""Enumeration against formulas, printed values, and Eq. 4 over all orders."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.errors import InputError
from pipeline.shapley import estimate
from tests.shapley.games import GAMES, KnownGame, Recorder, by_all_orders


@pytest.mark.parametrize("game", GAMES, ids=lambda game: game.name)
def test_known_games(game: KnownGame) -> None:
    found = estimate(game.value, game.n_players, "exact")
    assert_allclose(found.phi, game.phi, atol=1e-12)
    assert_allclose(found.standard_error, 0)
    # A product with one row may sum in another order than with 2^n.
    assert_allclose(found.value_full, game.value(np.ones((1, game.n_players), dtype=bool))[0])


def test_eq_3_is_eq_4() -> None:
    """A table of random values, in which nothing is symmetric or zero."""
    n = 5
    table = np.random.default_rng(0).normal(size=2**n)

    def value(S: np.ndarray) -> np.ndarray:
        return table[S @ (1 << np.arange(n))]

    assert_allclose(estimate(value, n, "exact").phi, by_all_orders(value, n), atol=1e-12)


def test_every_coalition_is_evaluated_once() -> None:
    game = Recorder(lambda S: S.sum(axis=1))
    found = estimate(game, 6, "exact", budget=64)
    assert found.evaluations == len(game.asked) == len({tuple(S) for S in game.asked}) == 64
    assert (found.reached == 32).all()


def test_refusals() -> None:
    with pytest.raises(InputError, match="budget is 63, 6 players need 64"):
        estimate(lambda S: S.sum(axis=1), 6, "exact", budget=63)
    with pytest.raises(InputError, match="21 players, at most 20"):
        estimate(lambda S: S.sum(axis=1), 21, "exact")
