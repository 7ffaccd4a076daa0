"""The estimator of the paper's released code, for comparison; its values are not Shapley values.

    value_o = mean_m Δ_o(m) - std_m Δ_o(m)

Mean and standard deviation are over M permutations (the deviation divides by M). Δ_o(m) is the
marginal contribution of player o, or zero if truncation ended permutation m before o. This is not a
Shapley value: if only half of the permutations reach a player, its value is near zero or below,
however much it adds. The standard error is a jackknife estimate over permutations.

With `kept_edges`, as in the released ImageNet script, the last operation of an edge is never
removed; its marginal contribution is zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.shapley.estimation import Estimate, estimator
from pipeline.shapley.game import Game
from pipeline.shapley.truncated import Order, TruncationSettings, Walks, walk_truncated


@estimator("released_code", TruncationSettings)
def released_code(
    game: Game,
    rng: np.random.Generator,
    budget: int | None,
    settings: TruncationSettings,
    *,
    kept_edges: NDArray[np.int64] | None = None,
) -> Estimate:
    """Mean minus standard deviation of marginal contributions; unreached players count as zero.

    `kept_edges`, int64[n], is the edge of each player. If it is given, the last player of each edge
    is never removed.
    """

    def shorten(order: Order) -> Order:
        return order if kept_edges is None else without_last(order, np.asarray(kept_edges))

    walks = Walks(game, rng, budget, settings.permutations, shorten)
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
    """The order without the last player of each edge, so that no edge becomes empty."""
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
