import math

import pytest
from scipy import stats

from pipeline.analysis.intervals import paired_difference, summarise

# A sample with its mean, deviation and t interval as scipy.stats has them.
VALUES = [2.43, 2.47, 2.39, 2.51]


def test_interval_is_that_of_scipy():
    low, high = stats.t.interval(0.95, 3, loc=2.45, scale=stats.sem(VALUES))
    found = summarise(VALUES)
    assert (found.n, found.mean) == (4, pytest.approx(2.45))
    assert found.deviation == pytest.approx(stats.tstd(VALUES))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_two_values_have_the_quantile_of_the_tables():
    # t(0.975, 1) = 12.706 in printed tables; half-width = t · |a - b| / 2.
    assert summarise([1.0, 2.0]).half_width == pytest.approx(12.706 / 2, abs=1e-3)


def test_one_value_has_no_interval():
    found = summarise([3.0])
    assert (found.mean, found.deviation, found.low, found.high) == (3.0, None, None, None)


def test_no_value_is_an_error():
    with pytest.raises(ValueError, match="no values"):
        summarise([])


def test_paired_difference_takes_shared_seeds_only():
    found = paired_difference({0: 1.0, 1: 5.0, 2: 9.0}, {1: 4.0, 2: 6.0, 3: 0.0})
    assert found is not None
    assert (found.n, found.mean) == (2, 2.0)
    assert found.deviation == pytest.approx(math.sqrt(2))


def test_no_shared_seed_no_difference():
    assert paired_difference({0: 1.0}, {1: 1.0}) is None
