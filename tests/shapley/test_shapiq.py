"""Against the library shapiq, where it is installed: enumeration and its estimators' limits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.shapley import estimate
from tests.shapley.games import GAMES, KnownGame, random_table

shapiq = pytest.importorskip("shapiq")  # of `dev`; an environment of one's own may lack it


def theirs(index: str, game: KnownGame) -> np.ndarray:
    """Values of the players by their exact computer."""
    exact = shapiq.ExactComputer(
        lambda S: game.value(np.asarray(S, bool)), n_players=game.n_players
    )
    values = exact(index=index, order=1)
    return np.array([values[(player,)] for player in range(game.n_players)])


@pytest.mark.parametrize(
    "game", [game for game in GAMES if game.n_players > 1], ids=lambda game: game.name
)
def test_exact_shapley_values(game: KnownGame) -> None:
    assert_allclose(
        estimate(game.value, game.n_players, "exact").phi, theirs("SV", game), atol=1e-9
    )


@pytest.mark.parametrize("estimator", ["permutation", "kernel", "leverage", "regression_adjusted"])
def test_estimates_reach_their_values(estimator: str) -> None:
    game = random_table(6, seed=4)
    found = estimate(game.value, 6, estimator, budget=6000)
    assert (np.abs(found.phi - theirs("SV", game)) < 4.5 * found.standard_error + 1e-9).all()


def test_banzhaf_values() -> None:
    game = random_table(6, seed=4)
    found = estimate(game.value, 6, "banzhaf", budget=7000)
    assert (np.abs(found.phi - theirs("BV", game)) < 4.5 * found.standard_error).all()
