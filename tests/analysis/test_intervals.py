import math

import pytest
from scipy import stats

from pipeline.analysis.intervals import paired_difference, summarise, welch

# A sample with its mean, deviation and t interval as scipy.stats has them.
VALUES = [2.43, 2.47, 2.39, 2.51]


def test_interval_is_that_of_scipy():
    low, high = stats.t.interval(0.95, 3, loc=2.45, scale=stats.sem(VALUES))
    found = summarise(VALUES)
    assert (found.n, found.mean) == (4, pytest.approx(2.45))
    assert found.deviation == pytest.approx(stats.tstd(VALUES))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_three_values_have_the_quantile_of_the_tables():
    # t(0.975, 2) = 4.303 in printed tables; the deviation of 1, 2, 3 is 1.
    found = summarise([1.0, 2.0, 3.0])
    assert found.half_width == pytest.approx(4.303 / math.sqrt(3), abs=1e-3)


def test_two_values_are_shown_themselves():
    found = summarise([94.37, 77.04])
    assert (found.low, found.high, found.half_width) == (None, None, None)
    assert found.words(2) == "94.37, 77.04"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([2.43, 2.47, 2.39, 2.51], "2.450 ± 0.082"),
        ([1000.0, 1400.0, 1900.0], "1,433 ± 1,120"),
        ([0.011, 0.012, 0.0114], "0.0115 ± 0.0013"),
        ([5.0, 5.0, 5.0], "5.0 ± 0.0"),
        ([-1.5], "−1.5"),
        ([math.nan], "failed"),
    ],
)
def test_the_interval_chooses_the_digits(values, words):
    assert summarise(values).words(1) == words


def test_welch_is_that_of_scipy():
    other = [2.40, 2.39, 2.45]
    a, b = summarise(VALUES), summarise(other)
    gap, half, p = welch((a.mean, a.deviation, a.n), (b.mean, b.deviation, b.n))
    found = stats.ttest_ind(VALUES, other, equal_var=False)
    interval = found.confidence_interval(0.95)
    assert p == pytest.approx(found.pvalue)
    assert (gap - half, gap + half) == (pytest.approx(interval.low), pytest.approx(interval.high))


def test_a_bounded_interval_stays_within_what_is_possible():
    found = summarise([94.37, 94.37, 94.37, 94.3], bounds=(90.0, 94.37))
    assert 90.0 < found.low < found.mean < found.high <= 94.37
    # All at the maximum: the weight of the lower bound has the distribution Beta(1, n).
    found = summarise([1.0] * 4, bounds=(0.0, 1.0))
    assert found.low == pytest.approx(0.025**0.25, abs=0.01)
    assert found.high == pytest.approx(1.0)


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
