"""Unbiased, and with the 1/M law: statistical tests with fixed seeds and a known false-alarm rate.

Seeds are fixed, so that a test that passes passes always. The rate says how likely a correct
estimator would have failed with these seeds: FALSE_ALARM for the whole file.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline import registry
from tests.shapley.checks import TABLE, repeated

FALSE_ALARM = 1e-3
RUNS = 200
PLAYERS = TABLE.n_players
# options, per estimator, for about four and four times as many samples
UNBIASED: dict[str, tuple[dict, dict]] = {
    "permutation": ({"permutations": 4}, {"permutations": 16}),
    "antithetic": ({"permutations": 4}, {"permutations": 16}),
    "owen": ({"samples": 4}, {"samples": 16}),
    "regression_adjusted": ({"samples": 10}, {"samples": 40}),
}
# Whose variance falls as 1/M exactly; fitted regressions do better.
LAW = ["permutation", "antithetic"]


@pytest.fixture(scope="module")
def runs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """φ of all runs, [runs, players], for few and for many samples."""
    return {
        name: tuple(
            repeated(registry.get("estimators", name), TABLE, RUNS, **options) for options in both
        )
        for name, both in UNBIASED.items()
    }


def p_value(phis: np.ndarray) -> float:
    """That the mean over runs is the truth: Hotelling's T² over all players but the last.

    The last is what the others leave of V(N) - V(∅).
    """
    error = (phis - TABLE.phi)[:, :-1]
    n, k = error.shape
    mean = error.mean(axis=0)
    t2 = n * mean @ np.linalg.solve(np.cov(error.T), mean)
    return float(stats.f.sf(t2 * (n - k) / (k * (n - 1)), k, n - k))


@pytest.mark.parametrize("estimator", UNBIASED)
def test_unbiased(estimator: str, runs: dict) -> None:
    for phis in runs[estimator]:
        assert p_value(phis) > FALSE_ALARM / (2 * len(UNBIASED) + len(LAW))


def test_the_test_sees_a_bias() -> None:
    """Beta(4, 1) weighs small coalitions; the released code subtracts a deviation."""
    for name, few in [("beta", {"samples": 4, "alpha": 4.0}), ("released_code", {"eta": 9.0})]:
        phis = repeated(registry.get("estimators", name), TABLE, RUNS, **few)
        assert p_value(phis) < 1e-6


@pytest.mark.parametrize("estimator", LAW)
def test_variance_falls_as_one_over_m(estimator: str, runs: dict) -> None:
    """The ratio of the variances is 4, within what an F distribution allows for one player."""
    few, many = (phis[:, 0].var(ddof=1) for phis in runs[estimator])
    tail = FALSE_ALARM / (2 * len(UNBIASED) + len(LAW)) / 2
    low, high = stats.f.ppf([tail, 1 - tail], RUNS - 1, RUNS - 1)
    assert low < few / many / 4 < high
    # Neither constant variance nor 1/M² would pass.
    assert not low < 1 / 4 < high
    assert not low < 4 < high


def test_fitted_estimators_fall_at_least_so_fast(runs: dict) -> None:
    low = stats.f.ppf(FALSE_ALARM, RUNS - 1, RUNS - 1)
    for estimator in ("owen", "regression_adjusted"):
        few, many = (phis.var(axis=0, ddof=1).sum() for phis in runs[estimator])
        assert few / many / 4 > low
