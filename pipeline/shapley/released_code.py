"""The estimator of the paper's released code, for comparison; its values are not Shapley values.

    value_o = mean_m Δ_o(m) - std_m Δ_o(m)

    m        1, ..., M, the permutations (the standard deviation divides by M)
    Δ_o(m)   marginal contribution of player o; zero if truncation ended m before o was removed

If only half of the permutations reach a player, its value is about zero or negative, however large
its contributions are. The standard error is a jackknife estimate over permutations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.shapley.estimation import Estimate, estimator
from pipeline.shapley.game import Game
from pipeline.shapley.truncated import Order, Permutations, TruncationSettings, walk_truncated


@estimator("released_code", TruncationSettings)
def released_code(
    game: Game,
    rng: np.random.Generator,
    budget: int | None,
    settings: TruncationSettings,
    *,
    kept_edges: NDArray[np.int64] | None = None,
) -> Estimate:
    """Mean minus standard deviation of a player's marginal contributions over permutations.

    `kept_edges`, int64[n], is the edge of each player. If it is given, as in the released ImageNet
    script, a permutation never removes the last player on an edge; its contribution is then zero.
    """

    def shorten(order: Order) -> Order:
        return order if kept_edges is None else without_last(order, np.asarray(kept_edges))

    walks = Permutations(game, rng, budget, settings.permutations, shorten)
    delta = walk_truncated(game, walks, settings).delta
    samples = np.nan_to_num(delta)
    return Estimate(
        phi=mean_minus_deviation(samples),
        standard_error=_jackknife(samples),
        reached=np.sum(~np.isnan(delta), axis=0),
        evaluations=game.evaluations,
        value_full=float(np.mean(walks.full_values)),
    )


def without_last(order: Order, edges: NDArray[np.int64]) -> Order:
    """Drop the last player of each edge from `order`."""
    from_behind = edges[order][::-1]
    last = len(order) - 1 - np.unique(from_behind, return_index=True)[1]
    return np.delete(order, last)


def mean_minus_deviation(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean minus standard deviation over the first axis."""
    return samples.mean(axis=0) - samples.std(axis=0)


def _jackknife(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of `mean_minus_deviation`; NaN for fewer than three permutations."""
    m = len(samples)
    if m < 3:
        return np.full(samples.shape[1], np.nan)
    without = np.stack([mean_minus_deviation(np.delete(samples, i, axis=0)) for i in range(m)])
    return np.sqrt((m - 1) / m * np.sum((without - without.mean(axis=0)) ** 2, axis=0))
