"""Removing operations one by one on the benchmark's own table, where it is at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.nasbench.table import CODE
from pipeline.strategies.contract import Inputs
from pipeline.studies.table import one_by_one
from tests.strategies.toys import make_strategy


@pytest.mark.parametrize(
    ("column", "accuracy"),
    [("cifar10_test", 94.37), ("cifar100_test", 73.51), ("imagenet16_test", 47.31)],
)
def test_the_optimum_remains(real, column, accuracy):
    left = one_by_one(np.asarray(real.rows[CODE]), real.column(column))
    index = int(real.indices(left.argmax(axis=1)[None].astype(np.uint8))[0])
    assert real.rank(column, index) == 1
    assert real.column(column)[index] == pytest.approx(accuracy, abs=0.005)


def test_it_finds_more_than_others_in_as_many_look_ups(real):
    """Test accuracies of what 100 look-ups of validation accuracies find, over 20 seeds."""
    means = {}
    for name in ("lookup_shrinking", "local_search", "evolution", "random_search"):
        found = []
        for seed in range(20):
            strategy: Any = make_strategy(name, "nasbench201", {}, seed)
            strategy.prepare(Inputs("cifar10", lambda: real))
            for epoch in range(strategy.n_epochs):
                strategy.epoch(epoch, None, None)
            arch = strategy.space.genotype_from(strategy.strength()).to_arch_string()
            found.append(real.column("cifar10_test")[real.index_of(arch)])
        means[name] = float(np.mean(found))
    assert means["lookup_shrinking"] > means["random_search"] + 0.2, means
    assert means["lookup_shrinking"] >= max(means.values()) - 0.03, means
