"""The simulation of coverage on a distribution whose answer is known."""

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis import coverage
from pipeline.analysis.runs import FinishedRun
from pipeline.errors import InputError

BEST, BELOW = 94.37, 94.0
LIMITS = {"median_cifar10_test": 90.0, "best_cifar10_test": BEST}


def queries(values):
    history = [{"seed": float(i), "cifar10_test": value} for i, value in enumerate(values)]
    place = ("queries", "nasbench201", "cifar10", "lookup")
    return FinishedRun(*place, repeats=len(values), metrics=LIMITS, history=history)


def test_the_t_interval_misses_what_four_seeds_do_not_show(monkeypatch):
    """Four of five seeds find the best cell: four seeds see nothing else with probability .41."""
    monkeypatch.setattr(coverage, "SIZES", {4: 300})
    run = queries([BEST] * 80 + [BELOW] * 20)
    t, bounded = coverage.coverage([run], "cifar10_test")
    assert (t["interval"], bounded["interval"]) == ("t", "bounded")
    seen = 100 * (1 - 0.8**4)
    assert t["covers_percent"] <= seen + 3 * 100 * np.sqrt(0.8**4 * (1 - 0.8**4) / 300)
    # A 95 % interval misses at most so many of 300 draws, but for one time in a thousand.
    assert bounded["covers_percent"] >= 100 - 100 * stats.binom.ppf(0.999, 300, 0.05) / 300


def test_a_folder_without_many_seeds_is_an_error():
    with pytest.raises(InputError, match="cifar10_test"):
        coverage.coverage([], "cifar10_test")
