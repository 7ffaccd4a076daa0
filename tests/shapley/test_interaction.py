"""Drops of players alone and in pairs, on games whose values are written by hand."""

import numpy as np
from numpy.testing import assert_allclose

from pipeline.shapley import Game
from pipeline.shapley.interaction import interactions, removal_drops

WORTH = np.array([5.0, 3.0, 2.0, 7.0])


def test_players_that_do_not_depend_on_each_other():
    game = Game(lambda S: S @ WORTH, 4)
    drops = removal_drops(game, [0, 2, 3])
    assert_allclose(drops, [[5, 7, 12], [7, 2, 9], [12, 9, 7]])
    beyond = interactions(drops)
    assert np.isnan(beyond.diagonal()).all()
    assert_allclose(beyond[~np.eye(3, dtype=bool)], 0)
    assert game.evaluations == 7  # N, three alone, three pairs


def test_substitutes_and_complements():
    """Either of 0 and 1 is enough for 4; 2 and 3 earn 6, only together."""
    game = Game(lambda S: 4.0 * (S[:, 0] | S[:, 1]) + 6.0 * (S[:, 2] & S[:, 3]), 4)
    drops = removal_drops(game, [0, 1, 2, 3])
    assert_allclose(drops.diagonal(), [0, 0, 6, 6])
    assert drops[0, 1] == 4 and drops[2, 3] == 6 and drops[0, 2] == 6
    beyond = interactions(drops)
    assert beyond[0, 1] == 4 and beyond[2, 3] == -6 and beyond[1, 3] == 0
    assert_allclose(beyond, beyond.T)
