"""Eq. 6 and Eq. 7 by hand-worked numbers: 3-4-5 and 5-12-13 triangles."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.shapley.update import alpha_update, momentum_update, unscaled, z_score

ONE = np.array([0, 0])
TWO = np.array([0, 0, 1, 1])


def test_eq_7() -> None:
    """φ = (3, 4), ‖φ‖ = 5: s = 0.8 (0.5, -0.5) + 0.2 (0.6, 0.8) = (0.52, -0.24)."""
    s = momentum_update(np.array([0.5, -0.5]), np.array([3.0, 4.0]), 0.8, ONE)
    assert_allclose(s, [0.52, -0.24])


def test_eq_6() -> None:
    """s = (5, -12), ‖s‖ = 13: α = (1, 2) + 0.26 (5, -12) / 13 = (1.1, 1.76)."""
    alpha = alpha_update(np.array([1.0, 2.0]), np.array([5.0, -12.0]), 0.26, ONE)
    assert_allclose(alpha, [1.1, 1.76])


def test_each_group_has_its_own_norm() -> None:
    phi = np.array([3.0, 4.0, 0.005, -0.012])
    assert_allclose(momentum_update(np.zeros(4), phi, 0.0, TWO), [0.6, 0.8, 5 / 13, -12 / 13])
    assert_allclose(alpha_update(np.zeros(4), phi, 1.0, TWO), [0.6, 0.8, 5 / 13, -12 / 13])
    assert_allclose(np.linalg.norm(alpha_update(np.zeros(4), phi, 1.0, np.zeros(4, int))), 1)


def test_unknown_players_keep_their_s_and_have_no_part_in_the_norm() -> None:
    s = np.array([0.5, 9.0, -0.5])
    updated = momentum_update(s, np.array([3.0, np.nan, 4.0]), 0.8, np.zeros(3, dtype=int))
    assert_allclose(updated, [0.52, 9.0, -0.24])


def test_without_direction_nothing_but_decay() -> None:
    zero = np.zeros(2)
    assert_allclose(momentum_update(np.array([1.0, 2.0]), zero, 0.8, ONE), [0.8, 1.6])
    assert_allclose(alpha_update(np.array([1.0, 2.0]), zero, 0.1, ONE), [1.0, 2.0])
    nobody = np.full(2, np.nan)
    assert_allclose(momentum_update(np.array([1.0, 2.0]), nobody, 0.8, ONE), [1.0, 2.0])


def test_arguments_stay_as_they_are() -> None:
    s, phi, alpha = np.ones(2), np.array([1.0, np.nan]), np.ones(2)
    momentum_update(s, phi, 0.5, ONE)
    alpha_update(alpha, s, 0.5, ONE)
    assert_array_equal(s, [1, 1])
    assert_array_equal(alpha, [1, 1])


def test_z_score_by_hand() -> None:
    """(1, 3): mean 2, deviation √(2/1). (2, 2, 8): mean 4, deviation √((4 + 4 + 16)/2) = √12."""
    groups = np.array([0, 0, 1, 1, 1])
    scores = z_score(np.array([1.0, 3.0, 2.0, 2.0, 8.0]), groups)
    half, twelfth = 2**-0.5, 12**-0.5
    assert_allclose(scores, [-half, half, -2 * twelfth, -2 * twelfth, 4 * twelfth])


def test_z_score_is_over_known_players_and_flat_without_deviation() -> None:
    scores = z_score(np.array([1.0, np.nan, 3.0]), np.zeros(3, int))
    assert_allclose(scores, [-(2**-0.5), 0, 2**-0.5])
    assert_allclose(z_score(np.array([2.0, 2.0]), ONE), [0, 0])


def test_the_released_update_by_hand() -> None:
    """Two cell types, φ = (1, 2, 3 | 0, 0, 6), s = (1, 0, -1 | 0, 1, 0), α = (0, 1, 2 | 3, 4, 5).

    First cell:  mean 2, squares (1, 0, 1), deviation √(2/2) = 1, z = (-1, 0, 1),
                 s = 0.8 (1, 0, -1) + 0.2 (-1, 0, 1) = (0.6, 0, -0.6).
    Second cell: mean 2, squares (4, 4, 16), deviation √(24/2) = √12, z = (-2, -2, 4) / √12,
                 s = (-0.4, 0.8 √12 - 0.4, 0.8) / √12, as 0.2 z = (-0.4, -0.4, 0.8) / √12.
    Then α + 0.1 s, without a norm.
    """
    groups = np.array([0, 0, 0, 1, 1, 1])
    phi = np.array([1.0, 2.0, 3.0, 0.0, 0.0, 6.0])
    s = np.array([1.0, 0.0, -1.0, 0.0, 1.0, 0.0])
    alpha = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    s = momentum_update(s, phi, 0.8, groups, z_score)
    root = 12**0.5
    assert_allclose(s, [0.6, 0, -0.6, -0.4 / root, 0.8 - 0.4 / root, 0.8 / root], atol=1e-15)
    alpha = alpha_update(alpha, s, 0.1, groups, unscaled)
    second = [3 - 0.04 / root, 4.08 - 0.04 / root, 5 + 0.08 / root]
    assert_allclose(alpha, [0.06, 1, 1.94, *second])


def test_the_released_step_has_no_length_of_its_own() -> None:
    """A first step from s = 0 on a cell of 98 is 0.1 x 0.2 x √97 long, and grows with s after."""
    x, groups = np.random.default_rng(0).normal(size=98), np.zeros(98, dtype=int)
    s, lengths = np.zeros(98), []
    for _ in range(25):
        s = momentum_update(s, x, 0.8, groups, z_score)
        lengths.append(np.linalg.norm(alpha_update(np.zeros(98), s, 0.1, groups, unscaled)))
    assert_allclose(lengths, [0.1 * (1 - 0.8**t) * 97**0.5 for t in range(1, 26)])
