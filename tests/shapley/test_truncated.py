"""Early truncation by hand: who is reached, who stays unknown, what it saves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.errors import InputError
from pipeline.shapley import Game, estimate
from pipeline.shapley.truncated import truncated
from tests.shapley import checks
from tests.shapley.games import Orders, Recorder, dividends


def quarters(S: np.ndarray) -> np.ndarray:
    """Four players, each worth a quarter (a float without rounding)."""
    return S.sum(axis=1) / 4


@pytest.mark.parametrize(
    ("eta", "reached"),
    [
        (0.0, 1),  # the first removal drops by 0.25 > 0
        (0.24, 1),
        (0.25, 2),  # 0.25 > 0.25 is false: one more
        (0.5, 3),  # a drop of exactly η is tolerated
        (0.74, 3),
        (0.75, 4),
        (1.0, 4),
    ],
)
def test_threshold(eta: float, reached: int) -> None:
    found = truncated(Game(quarters, 4), Orders([2, 0, 3, 1]), permutations=1, eta=eta)
    assert list(np.flatnonzero(found.reached)) == sorted([2, 0, 3, 1][:reached])
    assert found.evaluations == 1 + reached


def test_never_reached_is_unknown_not_zero() -> None:
    """Players leave in the order 2, 0, 3, 1; after three V has dropped by 0.75 > 0.5."""
    found = truncated(Game(quarters, 4), Orders([2, 0, 3, 1]), permutations=1)
    assert_array_equal(found.phi, [0.25, np.nan, 0.25, 0.25])
    assert_array_equal(found.reached, [1, 0, 1, 1])
    assert np.isnan(found.standard_error).all()


def test_mean_over_permutations_that_reached() -> None:
    """Two players add 0.4 each, together 1: V({0}) = V({1}) = 0.4, V(N) = 1, V(∅) = 0.

    A removal drops V by 0.6 > 0.5: each permutation reaches its first player only, who is worth
    0.6 there; the mean over all orders, 0.5, would count the second place's 0.4 as well, and
    zeros for the unreached would make 0.3.
    """
    value = lambda S: np.array([0.0, 0.4, 1.0])[S.sum(axis=1)]  # noqa: E731
    orders = Orders([0, 1], [1, 0], [0, 1])
    found = truncated(Game(value, 2), orders, permutations=3)
    assert_allclose(found.phi, [0.6, 0.6])
    assert_array_equal(found.reached, [2, 1])
    assert_allclose(found.standard_error[0], 0)
    assert np.isnan(found.standard_error[1])
    assert found.evaluations == 1 + 2  # V(N) once, and the third permutation is the first


def test_without_threshold_it_is_permutation_sampling() -> None:
    game = dividends(5, seed=7)
    whole = estimate(game.value, 5, "permutation", permutations=6, seed=2)
    found = estimate(game.value, 5, "truncated", permutations=6, seed=2, eta=1e9)
    assert_allclose(found.phi, whole.phi)
    assert_allclose(found.standard_error, whole.standard_error)


def test_nothing_to_lose() -> None:
    """V(N) = 0 is no division by zero: no drop, no truncation."""
    found = truncated(Game(lambda S: np.zeros(len(S)), 3), Orders([0, 1, 2]), permutations=1)
    assert_array_equal(found.phi, [0, 0, 0])


def test_negative_values() -> None:
    """V = -loss from -1 to -1.4 to -1.8 to -3: drops 0.4, 0.8 > 0.5 |V(N)|."""
    value = lambda S: np.array([-3, -1.8, -1.4, -1])[S.sum(axis=1)]  # noqa: E731
    found = truncated(Game(value, 3), Orders([1, 0, 2]), permutations=1)
    assert_allclose(found.phi, [0.4, 0.4, np.nan])


@pytest.mark.parametrize(("budget", "spent"), [(2, 2), (5, 5), (6, 6), (23, 22), (63, 43)])
def test_budget_is_kept(budget: int, spent: int) -> None:
    """Forty players worth the same: the drop exceeds half of V(N) with the 21st that leaves.

    A budget below 41 cuts the first permutation, if truncation does not. Of 63 a second begins
    after 22 evaluations, since 41 are left, and takes 21; a third would not fit.
    """
    asked = Recorder(lambda S: S.sum(axis=1) / 40)
    estimated = estimate(asked, 40, "truncated", budget=budget)
    assert estimated.evaluations == asked.cost == spent
    assert estimated.reached.sum() >= estimated.evaluations - 1


def test_the_budget_cuts_no_permutation_short() -> None:
    """Eight players worth the same under draws of their own: 20 pays for two whole walks of 9."""

    class Drawn(Recorder):
        def redraw(self, m: int) -> None:
            pass

    asked = Drawn(lambda S: S.sum(axis=1) / 8)
    estimated = estimate(asked, 8, "truncated", budget=20, eta=1e9)
    assert estimated.evaluations == asked.cost == 18
    assert (estimated.reached == 2).all()


def test_a_budget_does_not_bias() -> None:
    """The game of docs/your-own-game.md, whose coalitions soon are known and cost nothing more.

    Without a threshold the values are those of whole permutations: 1, 1, 1, 0. Players 0 and 1
    are worth 0 or 2 in a permutation, so that the mean over 2,000 seeds has an error below .01.
    """
    prize = lambda S: 2.0 * (S[:, 0] & S[:, 1]) + 1.0 * S[:, 2]  # noqa: E731
    options = {"eta": 1e9, "noisy": False}
    phi = [estimate(prize, 4, "truncated", 14, seed, **options).phi for seed in range(2000)]
    checks.close_to(np.array(phi), np.array([1, 1, 1, 0]))
    assert np.std(phi, axis=0).max() / 2000**0.5 < 0.01


def test_a_budget_beyond_all_coalitions_ends() -> None:
    found = estimate(quarters, 4, "truncated", budget=1000)
    assert found.evaluations <= 2**4


def test_refusals() -> None:
    with pytest.raises(InputError, match=r"eta is -0\.1"):
        estimate(quarters, 4, "truncated", eta=-0.1)
    with pytest.raises(InputError, match="budget is 1, at least 2"):
        estimate(quarters, 4, "truncated", budget=1)
    with pytest.raises(InputError, match="permutations is 0"):
        estimate(quarters, 4, "truncated", permutations=0)
    with pytest.raises(InputError, match="unreached is 'zero': Input should be 'mean' or 'spread'"):
        estimate(quarters, 4, "truncated", unreached="zero")


def test_the_rest_may_be_spread_over_the_unreached() -> None:
    checks.spread_by_hand(truncated)
