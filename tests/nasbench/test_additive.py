"""Additive scores of architectures: by hand on small spaces, .514 on the real table."""

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from pipeline.nasbench import cells
from pipeline.nasbench.additive import (
    bootstrap,
    kendall,
    main_effects,
    ranks,
    scores,
    spearman,
)
from pipeline.nasbench.table import CODE

CODES = cells.codes()


def test_main_effects_of_an_additive_table_are_its_worths():
    rng = np.random.default_rng(0)
    worth = rng.normal(size=(6, 5))
    y = 50 + worth[np.arange(6), CODES].sum(axis=1)
    effects = main_effects(CODES, y)
    assert np.allclose(effects, worth - worth.mean(axis=1, keepdims=True))
    assert np.allclose(6 * scores(CODES, effects) + y.mean(), y)


def test_scores_are_means_over_edges():
    strength = np.arange(30.0).reshape(6, 5)
    code = np.array([[0, 1, 2, 3, 4, 0]], dtype=np.uint8)
    assert scores(code, strength) == pytest.approx(np.mean([0, 6, 12, 18, 24, 25]))


def test_correlations_are_scipys():
    rng = np.random.default_rng(1)
    a = rng.integers(0, 9, 80).astype(float)  # with ties
    b = a + rng.normal(size=80)
    assert kendall(a, b) == pytest.approx(kendalltau(a, b).statistic)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert kendall(a, np.ones(80)) == spearman(a, np.ones(80)) == 0
    assert ranks(np.array([3.0, 1.0, 3.0])).tolist() == [2.5, 1, 2.5]


def test_the_bootstrap_covers_what_it_should():
    """Of pairs whose tau is 1/3: 2/π · arcsin(.5); 95 % of 200 intervals, give or take."""
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        a = rng.normal(size=60)
        b = 0.5 * a + np.sqrt(0.75) * rng.normal(size=60)
        low, high = bootstrap(kendall, a, b, rng, 200)
        covered += low <= 1 / 3 <= high
    # Binomial(200, .95): below 175 once in 10^4; percentile intervals are a little narrow.
    assert 175 <= covered < 200


def test_real_main_effects_reach_the_known_tau(real):
    """The additive ceiling of the project's notes, and that it is none: ranks rank better."""
    codes, y = np.asarray(real.rows[CODE]), real.column("cifar10_test")
    effects = main_effects(codes, y)
    assert kendall(scores(codes, effects), y) == pytest.approx(0.514, abs=5e-4)
    assert (effects.argmax(axis=1) == cells.OPERATIONS.index("nor_conv_3x3")).all()
    assert kendall(scores(codes, main_effects(codes, ranks(y))), y) > 0.66
