"""Permutations that are drawn together so that their errors cancel.

    antithetic    R and R reversed: who left first leaves last (Mitchell et al., "Sampling
                  permutations for Shapley value estimation", JMLR 2022)
    orthogonal    orders of the coordinates of orthonormal vectors in the plane Σ x = 0, each with
                  its antithetic (Mitchell et al., 2022, section 4)

Each permutation by itself is uniform, so that the mean is unbiased, and whole, so that it is
efficient. Standard errors are those over pairs. The pairs of `orthogonal` depend on each other; its
standard error leaves that out and may be too large or too small.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.settings import PAPER, Settings, setting
from pipeline.shapley.estimation import Estimate, average, estimator
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import MEANING, affordable, walk

PAIR = 2


class PairSettings(Settings):
    """How many permutations are walked, two at a time."""

    permutations: int | None = setting(None, MEANING, PAPER, ge=PAIR)


@estimator("antithetic", PairSettings)
def antithetic(
    game: Game, rng: np.random.Generator, budget: int | None, settings: PairSettings
) -> Estimate:
    """Walk pairs of a permutation and its reverse."""
    count = affordable(game, budget, settings.permutations, PAIR)
    orders: list[NDArray[np.int64]] = []
    while len(orders) < count:
        order = rng.permutation(game.n_players)
        orders += [order, order[::-1]]
    delta, V_N = walk(game, orders)
    return average(delta, V_N, game.evaluations, PAIR, efficient=True)


@estimator("orthogonal", PairSettings)
def orthogonal(
    game: Game, rng: np.random.Generator, budget: int | None, settings: PairSettings
) -> Estimate:
    """Walk antithetic pairs from orthonormal vectors."""
    count = affordable(game, budget, settings.permutations, PAIR)
    orders: list[NDArray[np.int64]] = []
    while len(orders) < count:
        for x in orthonormal(rng, game.n_players):
            orders += [np.argsort(x), np.argsort(-x)]
    delta, V_N = walk(game, orders[:count])
    return average(delta, V_N, game.evaluations, PAIR, efficient=True)


def orthonormal(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Up to n - 1 orthonormal vectors [k, n] with Σ x = 0, uniform under rotation of that plane."""
    if n == 1:
        return np.zeros((1, 1))
    normal = rng.standard_normal((n - 1, n))
    normal -= normal.mean(axis=1, keepdims=True)
    q, r = np.linalg.qr(normal.T)
    # The signs of r's diagonal make the factorisation unique, and so q uniform.
    return (q * np.sign(np.diag(r))).T
