"""The table as a game: exact values against enumeration, walks and games with known answers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.nasbench import cells
from pipeline.nasbench.game import N_PLAYERS, TableGame, banzhaf_weight, with_none
from pipeline.shapley import estimate

CODES = cells.codes()


def additive(worth):
    return TableGame.of(CODES, 10 + worth[np.arange(6), CODES].sum(axis=1))


def coalition(*members):
    found = np.zeros((1, N_PLAYERS), dtype=bool)
    found[0, [edge * 4 + operation - 1 for edge, operation in members]] = True
    return found


def test_v_is_the_mean_over_what_a_coalition_holds():
    y = np.random.default_rng(0).uniform(10, 95, len(CODES))
    game = TableGame.of(CODES, y)
    without_none = (CODES > 0).all(axis=1)
    assert game(np.ones((1, 24), bool))[0] == pytest.approx(y[without_none].mean())
    assert game(np.zeros((1, 24), bool))[0] == y[0]  # nothing but `none`
    # Two operations on the first edge, one on the last, nothing in between.
    held = [cells.numbers_of(np.array([o, 0, 0, 0, 0, 4], dtype=np.uint8)) for o in (1, 3)]
    assert game(coalition((0, 1), (0, 3), (5, 4)))[0] == pytest.approx(y[held].mean())


def test_edges_of_an_additive_table_play_games_of_their_own():
    """Then each edge is a game of four, which `exact` solves."""
    worth = np.random.default_rng(1).normal(size=(6, 5))
    game = additive(worth)
    found = game.semivalues().reshape(6, 4)
    banzhaf = game.semivalues(banzhaf_weight).reshape(6, 4)
    for edge in range(6):

        def value(coalitions, own=worth[edge]):
            means = (coalitions * own[1:]).sum(axis=1) / np.maximum(coalitions.sum(axis=1), 1)
            return np.where(coalitions.any(axis=1), means, own[0])

        assert_allclose(found[edge], estimate(value, 4, "exact").phi, atol=1e-10)
        masks = (np.arange(16)[:, None] >> np.arange(4)) & 1 == 1
        V = value(masks)
        by_hand = [
            np.mean([V[m | 1 << o] - V[m] for m in range(16) if not m >> o & 1]) for o in range(4)
        ]
        assert_allclose(banzhaf[edge], by_hand, atol=1e-10)


def test_shapley_values_agree_with_walks_and_are_efficient():
    y = np.random.default_rng(2).normal(size=len(CODES))
    game = TableGame.of(CODES, y)
    exact = game.semivalues()
    ends = game(np.array([[True] * 24, [False] * 24]))
    assert exact.sum() == pytest.approx(ends[0] - ends[1])
    walked = estimate(game, 24, "permutation", budget=25 * 400, seed=0)
    z = (walked.phi - exact) / walked.standard_error
    # 24 of about normal: once in some thousand beyond 4; and not all of them tiny.
    assert np.abs(z).max() < 4 and np.abs(z).max() > 0.5


def test_weights_of_sizes():
    """First of an empty coalition: what a player adds to the cell that is nothing."""
    y = np.random.default_rng(3).normal(size=len(CODES))
    game = TableGame.of(CODES, y)
    first = game.semivalues(lambda size: float(size == 0))
    alone = game(np.eye(24, dtype=bool)) - y[0]
    assert_allclose(first, alone, atol=1e-9)
    last = game.semivalues(lambda size: float(size == 23))
    left = game(np.ones((1, 24), bool)) - game(~np.eye(24, dtype=bool))
    assert_allclose(last, left, atol=1e-9)


def test_none_has_no_strength():
    strength = with_none(np.arange(1.0, 25.0))
    assert (strength[:, 0] == 0).all() and strength[5].tolist() == [0, 21, 22, 23, 24]
