"""Eq. 6 and Eq. 7 by hand-worked numbers: 3-4-5 and 5-12-13 triangles."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.shapley.update import alpha_update, momentum_update, z_score

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
    """(1, 3) and (2, 2, 8) by group: mean 2 deviation 1; mean 4 deviation √8."""
    groups = np.array([0, 0, 1, 1, 1])
    found = z_score(np.array([1.0, 3.0, 2.0, 2.0, 8.0]), groups)
    assert_allclose(found, [-1, 1, -2 / 8**0.5, -2 / 8**0.5, 4 / 8**0.5])


def test_z_score_is_over_known_players_and_flat_without_deviation() -> None:
    assert_allclose(z_score(np.array([1.0, np.nan, 3.0]), np.zeros(3, int)), [-1, 0, 1])
    assert_allclose(z_score(np.array([2.0, 2.0]), ONE), [0, 0])


def test_z_score_is_about_ten_times_as_long_on_a_cell_of_darts() -> None:
    x, groups = np.random.default_rng(0).normal(size=98), np.zeros(98, dtype=int)
    assert_allclose(np.linalg.norm(z_score(x, groups)), 98**0.5)
    alpha = alpha_update(np.zeros(98), x, 0.1, groups, z_score)
    assert_allclose(np.linalg.norm(alpha), 0.1 * 98**0.5)


def test_eq_7_with_the_z_score() -> None:
    s = momentum_update(np.array([0.5, -0.5]), np.array([1.0, 3.0]), 0.8, ONE, z_score)
    assert_allclose(s, [0.4 - 0.2, -0.4 + 0.2])
