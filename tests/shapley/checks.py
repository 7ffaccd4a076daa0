"""What must hold of estimators, as functions of one: for the tests and for mutants of the source.

An estimator is called as registered: (game, rng, budget, **options).
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
from numpy.testing import assert_allclose
from scipy.special import beta as beta_function

from pipeline.shapley import Estimate, Game
from tests.shapley.games import (
    GAMES,
    Differentiable,
    KnownGame,
    Orders,
    Recorder,
    airport,
    by_sizes,
    dividends,
    random_table,
    unanimity,
    voting,
)

Estimator = Callable[..., Estimate]
TABLE = random_table(5, seed=0)
ALL_BUT_ONE = unanimity(5, (0, 2, 3, 4))
WORTH = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
CONCAVE = KnownGame("concave", lambda S: (S @ WORTH) ** 0.5, np.full(6, np.nan))


def play(estimator: Estimator, game: KnownGame, seed: int = 0, **options: Any) -> Estimate:
    played = Game(Differentiable(game.value), game.n_players)
    return estimator(played, np.random.default_rng(seed), **options)


def repeated(estimator: Estimator, game: KnownGame, n: int, **options: Any) -> np.ndarray:
    """φ of n runs with seeds of their own, float64[n, players]."""
    return np.stack([play(estimator, game, seed, **options).phi for seed in range(n)])


def close_to(phis: np.ndarray, truth: np.ndarray, z: float = 4.5) -> None:
    """The mean over runs is within z standard errors of the truth, two-sided."""
    error = phis.std(axis=0, ddof=1) / len(phis) ** 0.5
    assert (np.abs(phis.mean(axis=0) - truth) <= z * error + 1e-9).all()


def shapley_value(estimator: Estimator, **options: Any) -> None:
    """Right on average over 60 runs of 42 evaluations on each of four games."""
    for game in (TABLE, ALL_BUT_ONE, airport(), voting()):
        close_to(repeated(estimator, game, 60, budget=42, **options), game.phi)


def efficiency(estimator: Estimator, **options: Any) -> None:
    """Σ φ = V(N) - V(∅) in each run, exactly, V(∅) not being zero."""
    for game in (dividends(4, seed=1), dividends(4, seed=6)):
        found = play(estimator, game, budget=60, **options)
        ends = game.value(np.array([[False], [True]]).repeat(game.n_players, axis=1))
        assert found.efficient
        assert_allclose(found.phi.sum(), ends[1] - ends[0], atol=1e-9)


def honest_error(estimator: Estimator, game: KnownGame = TABLE, **options: Any) -> None:
    """The claimed standard error is the spread over runs, within a fifth on the mean."""
    runs = [play(estimator, game, seed, budget=42, **options) for seed in range(150)]
    spread = np.std([run.phi for run in runs], axis=0, ddof=1).mean()
    claimed = np.mean([run.standard_error for run in runs])
    assert 0.8 < claimed / spread < 1.25, claimed / spread


def exact_values(estimator: Estimator) -> None:
    for game in GAMES:
        assert_allclose(play(estimator, game).phi, game.phi, atol=1e-9)


def truncated_by_hand(estimator: Estimator) -> None:
    """Four players worth a quarter each: the fourth is not reached at η = 1/2, and unknown."""
    quarters = lambda S: S.sum(axis=1) / 4  # noqa: E731
    for eta, phi in [
        (0.5, [0.25, np.nan, 0.25, 0.25]),
        (0.74, [0.25, np.nan, 0.25, 0.25]),
        (0.75, [0.25] * 4),
    ]:
        found = estimator(Game(quarters, 4), Orders([2, 0, 3, 1]), permutations=1, eta=eta)
        assert_allclose(found.phi, phi)


def spread_by_hand(estimator: Estimator) -> None:
    """V = 1 - (1 - s/4)²: 16, 15, 12, 7, 0 sixteenths. After 3, 5 the drop is half of V(N): on."""
    value = lambda S: 1 - (1 - S.sum(axis=1) / 4) ** 2  # noqa: E731
    found = estimator(
        Game(value, 4), Orders([2, 0, 3, 1]), permutations=1, eta=0.2, unreached="spread"
    )
    # 1/16 and 3/16 are reached, the drop 4/16 exceeds 0.2; the other two share 12/16.
    assert_allclose(found.phi, [3 / 16, 6 / 16, 1 / 16, 6 / 16])
    efficiency(estimator, eta=0.2, unreached="spread")


def released_by_hand(estimator: Estimator) -> None:
    """Two players, 0.4 each alone, together 1: each permutation reaches its first player only.

    Player 0: 0.6, 0, 0.6, mean 0.4, deviation √0.08; player 1: 0, 0.6, 0, mean 0.2, the same.
    """
    value = lambda S: np.array([0.0, 0.4, 1.0])[S.sum(axis=1)]  # noqa: E731
    found = estimator(Game(value, 2), Orders([0, 1], [1, 0], [0, 1]), permutations=3)
    assert_allclose(found.phi, [0.4 - 0.08**0.5, 0.2 - 0.08**0.5])


def last_of_an_edge_stays(estimator: Estimator) -> None:
    """Edges {0, 1, 2} and {3}: of the order 0, 3, 1, 2 players 2 and 3 are the last and stay."""
    game = Recorder(lambda S: S @ np.array([1.0, 2.0, 3.0, 4.0]))
    options = {"permutations": 1, "eta": 9.0, "kept_edges": [0, 0, 0, 1]}
    estimated = estimator(Game(game, 4), Orders([0, 3, 1, 2]), **options)
    assert_allclose(estimated.phi, [1, 2, 0, 0])
    left = [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1]]
    assert np.array_equal(game.asked, np.array(left, dtype=bool))


def banzhaf_value(estimator: Estimator) -> None:
    for game in (TABLE, ALL_BUT_ONE):
        truth = by_sizes(game.value, 5, lambda s: 1 / 2**4)
        close_to(repeated(estimator, game, 60, samples=6), truth)


def beta_value(estimator: Estimator) -> None:
    for a, b in [(4, 1), (1, 4), (1, 1)]:
        weight = lambda s: beta_function(s + b, 4 - s + a) / beta_function(a, b)  # noqa: B023, E731
        truth = by_sizes(TABLE.value, 5, weight)
        close_to(repeated(estimator, TABLE, 60, samples=6, alpha=a, beta=b), truth)
    assert_allclose(by_sizes(TABLE.value, 5, lambda s: 1 / (5 * comb(4, s))), TABLE.phi)


def gradient_window(estimator: Estimator) -> None:
    """Over all q it is Owen's form; over q > 1/2 it weighs sizes by ∫ q^s (1-q)^(4-s) 2 dq."""
    close_to(repeated(estimator, TABLE, 60, samples=10, q_min=0.0), TABLE.phi)
    q = 0.5 + (np.arange(1000) + 0.5) / 2000
    weight = lambda s: float(np.mean(q**s * (1 - q) ** (4 - s)))  # noqa: E731
    close_to(repeated(estimator, TABLE, 60, samples=10), by_sizes(TABLE.value, 5, weight))


def steadier_than_permutations(estimator: Estimator, **options: Any) -> None:
    """On a game whose players add the less the more are there: at most 0.6 of the variance."""
    from pipeline.shapley.permutation import permutation

    plain = repeated(permutation, CONCAVE, 60, permutations=12)
    ours = repeated(estimator, CONCAVE, 60, permutations=12, **options)
    assert ours.var(axis=0).sum() < 0.6 * plain.var(axis=0).sum()
