"""Permutations that are drawn together so that their errors cancel.

    antithetic    R and R reversed: who left first leaves last (Mitchell et al., "Sampling
                  permutations for Shapley value estimation", JMLR 2022)
    orthogonal    orders of the coordinates of orthonormal vectors in the plane Σ x = 0, each with
                  its antithetic (Mitchell et al., 2022, section 4)
    stratified    one order read from evenly spaced starting points, so that each player leaves at
                  evenly spaced positions (Latin square)

Each permutation by itself is uniform, so that the mean is unbiased, and whole, so that it is
efficient. The standard error of `antithetic` is that over pairs. Between pairs of `orthogonal`, and
between the permutations of `stratified`, there is a correlation, meant to be negative, which the
standard error takes for zero: it errs towards too large.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.registry import register
from pipeline.shapley.estimation import Estimate, average
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import affordable, walk_all

PAIR = 2


@register("estimators", "antithetic")
def antithetic(
    game: Game,
    rng: np.random.Generator,
    budget: int | None = None,
    *,
    permutations: int | None = None,
) -> Estimate:
    """Pairs of a permutation and its reverse; arguments as `permutation`, an even number M."""
    n_pairs = affordable("antithetic", game, budget, permutations, PAIR) // PAIR
    orders: list[NDArray[np.int64]] = []
    for _ in range(n_pairs):
        order = rng.permutation(game.n_players)
        orders += [order, order[::-1]]
    marginals, full_values = walk_all(game, orders)
    return average(marginals, full_values, game.evaluations, PAIR, efficient=True)


@register("estimators", "orthogonal")
def orthogonal(
    game: Game,
    rng: np.random.Generator,
    budget: int | None = None,
    *,
    permutations: int | None = None,
) -> Estimate:
    """Antithetic pairs from orthonormal vectors; arguments as `antithetic`."""
    n_pairs = affordable("orthogonal", game, budget, permutations, PAIR) // PAIR
    orders: list[NDArray[np.int64]] = []
    while len(orders) < PAIR * n_pairs:
        for x in orthonormal(rng, game.n_players):
            orders += [np.argsort(x), np.argsort(-x)]
    marginals, full_values = walk_all(game, orders[: PAIR * n_pairs])
    return average(marginals, full_values, game.evaluations, PAIR, efficient=True)


@register("estimators", "stratified")
def stratified(
    game: Game,
    rng: np.random.Generator,
    budget: int | None = None,
    *,
    permutations: int | None = None,
) -> Estimate:
    """Rotations of one order by equal steps; arguments as `permutation`."""
    n, count = game.n_players, affordable("stratified", game, budget, permutations)
    orders: list[NDArray[np.int64]] = []
    while len(orders) < count:
        block = min(n, count - len(orders))
        # The first offset is drawn, so that each rotation by itself is uniform.
        offsets = (rng.integers(n) + np.arange(block) * n // block) % n
        order = rng.permutation(n)
        orders += [np.roll(order, offset) for offset in offsets]
    marginals, full_values = walk_all(game, orders)
    return average(marginals, full_values, game.evaluations, efficient=True)


def orthonormal(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Up to n - 1 orthonormal vectors [k, n] with Σ x = 0, uniform under rotation of that plane."""
    if n == 1:
        return np.zeros((1, 1))
    normal = rng.standard_normal((n - 1, n))
    normal -= normal.mean(axis=1, keepdims=True)
    q, r = np.linalg.qr(normal.T)
    # The signs of r's diagonal make the factorisation unique, and so q uniform.
    return (q * np.sign(np.diag(r))).T
