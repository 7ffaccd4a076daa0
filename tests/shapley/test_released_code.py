"""What the released code computes: mean minus deviation with zeros, worked by hand."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from pipeline.shapley import estimate
from pipeline.shapley.released_code import mean_minus_deviation, released_code
from tests.shapley import checks
from tests.shapley.games import dividends


def test_by_hand() -> None:
    checks.released_by_hand(released_code)


def test_reached_by_half_of_the_permutations_is_worth_nothing() -> None:
    """c, 0, c, 0: mean c/2, deviation c/2."""
    assert_allclose(mean_minus_deviation(np.array([[0.3], [0.0], [0.3], [0.0]])), 0, atol=1e-15)


def test_without_truncation_it_is_the_mean_less_the_deviation() -> None:
    game = dividends(5, seed=7)
    whole = estimate(game.value, 5, "permutation", permutations=6, seed=2)
    estimated = estimate(game.value, 5, "released_code", permutations=6, seed=2, eta=1e9)
    # The standard error is s / √6 with s over 5; the population's deviation is over 6.
    assert_allclose(estimated.phi, whole.phi - whole.standard_error * 5**0.5)


def test_jackknife_is_close_to_the_spread_over_seeds() -> None:
    game = dividends(5, seed=7)
    runs = [estimate(game.value, 5, "released_code", permutations=20, seed=s) for s in range(60)]
    spread = np.std([run.phi for run in runs], axis=0, ddof=1).mean()
    assert 0.75 < np.mean([run.standard_error for run in runs]) / spread < 1.3
