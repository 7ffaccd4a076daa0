"""The axioms on games that hypothesis makes up, two-sided: they hold, and fail where they should.

Linearity, symmetry and null players pin the Shapley value down together with efficiency (Shapley,
1953); the semi-values keep the first three and give up the last.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pipeline.shapley import estimate
from tests.shapley.games import by_all_orders

N = 4
TABLES = st.lists(st.floats(-10, 10, allow_nan=False, width=32), min_size=2**N, max_size=2**N).map(
    np.array
)
SEEDS = st.integers(0, 1000)
# Their estimates are sums of values of coalitions with weights that do not depend on V.
LINEAR = ["exact", "permutation", "antithetic", "owen", "banzhaf"]
LINEAR += ["beta", "kernel", "leverage"]
MARGINAL = [name for name in LINEAR if name not in ("kernel", "leverage")]
EFFICIENT = ["exact", "permutation", "antithetic", "kernel"]
EFFICIENT += ["leverage", "regression_adjusted"]
quick = settings(max_examples=15, deadline=None, derandomize=True)


def game(table: np.ndarray):
    return lambda S: table[S @ (1 << np.arange(N))]


def phi(table: np.ndarray, estimator: str, seed: int) -> np.ndarray:
    return estimate(game(table), N, estimator, budget=40, seed=seed).phi


@quick
@given(TABLES)
def test_enumeration_is_the_mean_over_all_orders(table: np.ndarray) -> None:
    assert_allclose(phi(table, "exact", 0), by_all_orders(game(table), N), atol=1e-9)


@pytest.mark.parametrize("estimator", EFFICIENT)
@quick
@given(TABLES, SEEDS)
def test_efficiency(estimator: str, table: np.ndarray, seed: int) -> None:
    assert_allclose(phi(table, estimator, seed).sum(), table[-1] - table[0], atol=1e-8)


def test_efficiency_is_not_v_of_all() -> None:
    """With V(∅) = 7 the sum is not V(N), as the paper writes it."""
    table = np.arange(16.0) + 7
    assert_allclose(phi(table, "permutation", 0).sum(), 15)


@pytest.mark.parametrize("estimator", LINEAR)
@quick
@given(TABLES, TABLES, st.floats(-3, 3), SEEDS)
def test_linearity(
    estimator: str, first: np.ndarray, second: np.ndarray, factor: float, seed: int
) -> None:
    """φ(V + c W) = φ(V) + c φ(W) for the same draws, not only on average."""
    whole = phi(first + factor * second, estimator, seed)
    parts = phi(first, estimator, seed) + factor * phi(second, estimator, seed)
    assert_allclose(whole, parts, atol=1e-7)


@pytest.mark.parametrize("estimator", ["truncated", "released_code"])
def test_these_are_not_linear(estimator: str) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 2**N))
    gap = phi(first + second, estimator, 0) - phi(first, estimator, 0) - phi(second, estimator, 0)
    assert np.abs(gap).max() > 0.01


@pytest.mark.parametrize("estimator", MARGINAL)
@quick
@given(TABLES, st.integers(0, N - 1), SEEDS)
def test_null_player(estimator: str, table: np.ndarray, player: int, seed: int) -> None:
    """Make a player add nothing: it gets nothing, whatever the others do."""
    coalitions = np.arange(2**N)
    without = table[coalitions & ~(1 << player)]
    assert phi(without, estimator, seed)[player] == 0


@pytest.mark.parametrize("estimator", MARGINAL)
@quick
@given(TABLES, st.integers(0, N - 1), st.floats(0.5, 5), SEEDS)
def test_a_player_that_adds_gets_what_it_adds(
    estimator: str, table: np.ndarray, player: int, worth: float, seed: int
) -> None:
    coalitions = np.arange(2**N)
    with_worth = table[coalitions & ~(1 << player)] + worth * (coalitions >> player & 1)
    assert_allclose(phi(with_worth, estimator, seed)[player], worth, atol=1e-9)


@quick
@given(TABLES)
def test_symmetry(table: np.ndarray) -> None:
    """Swapping two players' names swaps their values; if the game is unmoved they are equal."""
    coalitions = np.arange(2**N)
    swapped = table[(coalitions & ~3) | (coalitions & 1) << 1 | (coalitions >> 1 & 1)]
    values = phi(table, "exact", 0)
    assert_allclose(phi(swapped, "exact", 0), values[[1, 0, 2, 3]], atol=1e-9)
    same = phi((table + swapped) / 2, "exact", 0)
    assert_allclose(same[0], same[1], atol=1e-9)


@pytest.mark.parametrize("estimator", ["kernel", "leverage", "regression_adjusted"])
@quick
@given(st.lists(st.floats(-10, 10, width=32), min_size=N, max_size=N), st.floats(-5, 5), SEEDS)
def test_regressions_are_exact_on_additive_games(
    estimator: str, worth: list[float], empty: float, seed: int
) -> None:
    table = empty + np.array([[i >> o & 1 for o in range(N)] for i in range(2**N)]) @ worth
    found = estimate(game(table), N, estimator, budget=60, seed=seed)
    assert_allclose(found.phi, worth, atol=1e-6)
