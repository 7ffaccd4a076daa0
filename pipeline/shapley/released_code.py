"""What the paper's released code computes in place of Shapley values; for comparison only.

    value_o = mean_m Δ_o(m) - std_m Δ_o(m)

over the M permutations, where Δ_o(m) is the marginal contribution of player o and zero where
truncation ended permutation m before o. It is no Shapley value: a player that half of the
permutations reach ends near zero or below, however much it adds. The deviation is the population's
(divided by M); the standard error is the jackknife's over permutations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.registry import register
from pipeline.shapley.estimation import Estimate
from pipeline.shapley.game import Game
from pipeline.shapley.truncated import ETA, walk_truncated


@register("estimators", "released_code")
def released_code(
    game: Game,
    rng: np.random.Generator,
    budget: int | None = None,
    *,
    permutations: int | None = None,
    eta: float = ETA,
) -> Estimate:
    """Mean minus deviation of truncated marginal contributions, zeros for the unreached.

    Arguments as `truncated`.
    """
    walks, full_values = walk_truncated("released_code", game, rng, budget, permutations, eta)
    marginals = np.stack(walks)
    samples = np.nan_to_num(marginals)
    return Estimate(
        phi=mean_minus_deviation(samples),
        standard_error=_jackknife(samples),
        reached=np.sum(~np.isnan(marginals), axis=0),
        evaluations=game.evaluations,
        value_full=float(np.mean(full_values)),
    )


def mean_minus_deviation(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the first axis."""
    return samples.mean(axis=0) - samples.std(axis=0)


def _jackknife(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of `mean_minus_deviation`; NaN for fewer than three permutations."""
    m = len(samples)
    if m < 3:
        return np.full(samples.shape[1], np.nan)
    without = np.stack([mean_minus_deviation(np.delete(samples, i, axis=0)) for i in range(m)])
    return np.sqrt((m - 1) / m * np.sum((without - without.mean(axis=0)) ** 2, axis=0))
