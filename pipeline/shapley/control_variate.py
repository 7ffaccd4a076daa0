"""Permutation sampling with a control variate: a game that resembles V and whose values are known.

With weights a_o (the previous epoch's Shapley values, or all equal) and u(S) = Σ_{o ∈ S} a_o, the
game g(S) = u(S)² has φ_o(g) = a_o u(N); the marginal contribution of o after Pre_o exceeds it by

    x_o = 2 a_o [u(Pre_o) - (u(N) - a_o) / 2],    E x_o = 0.

It resembles a supernet's V in that what an operation adds depends on how much is there already:
along a permutation V falls slowly at first and then fast, or the other way round. So

    φ_o = mean_m [Δ_o(m) - b x_o(m)],    b = Σ Δ x / Σ x²

with one slope b for all players, taken for each permutation from the other ones, so that the mean
is unbiased. Since x is the marginal contribution of a game whose V(N) is known, Σ_o x_o = 0 in each
permutation and efficiency holds exactly. Equal weights correct for the position alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.registry import register
from pipeline.shapley.estimation import Estimate, average
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import affordable, walk_all


@register("estimators", "control_variate")
def control_variate(
    game: Game,
    rng: np.random.Generator,
    budget: int | None = None,
    *,
    permutations: int | None = None,
    previous: NDArray[np.float64] | Sequence[float] | None = None,
) -> Estimate:
    """Permutation sampling less a multiple of a game whose values are known.

    Args:
        game: the game.
        rng: draws the permutations.
        budget: the most coalitions to evaluate.
        permutations: M, as `permutation`.
        previous: a, float[n], e.g. the previous epoch's φ; NaN counts as the mean of the others.
            None: all equal.

    Raises:
        InputError: the budget does not reach for one permutation, or `previous` has another length.
    """
    n = game.n_players
    a = weights(previous, n)
    count = affordable("control_variate", game, budget, permutations)
    orders = [rng.permutation(n) for _ in range(count)]
    walks, full_values = walk_all(game, orders)
    marginals = np.stack(walks)
    x = np.stack([control(order, a) for order in orders])
    b = slopes(marginals, x)
    return average(marginals - b[:, None] * x, full_values, game.evaluations, efficient=True)


def weights(previous: NDArray[np.float64] | Sequence[float] | None, n: int) -> NDArray[np.float64]:
    """a, scaled to a mean absolute value of one; float64[n]."""
    a = np.ones(n) if previous is None else np.asarray(previous, dtype=np.float64)
    if a.shape != (n,):
        raise InputError(f"estimator control_variate: previous has the shape {a.shape}, not ({n},)")
    known = a[np.isfinite(a)]
    a = np.where(np.isfinite(a), a, known.mean() if len(known) else 1.0)
    scale = np.abs(a).mean()
    return a / scale if scale > 0 else np.ones(n)


def control(order: NDArray[np.int64], a: NDArray[np.float64]) -> NDArray[np.float64]:
    """x_o of one permutation, float64[n]; `order` says who leaves first, second, ..."""
    x = np.empty(len(a))
    left = a[order]
    # Pre_o is whoever is left once o has gone.
    u_predecessors = left[::-1].cumsum()[::-1] - left
    x[order] = 2 * left * (u_predecessors - (a.sum() - left) / 2)
    return x


def slopes(marginals: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The slope b for each permutation from the others, float64[m]; zero where they say nothing."""
    m = len(marginals)
    if m < 3:
        return np.zeros(m)
    b = np.empty(m)
    for k in range(m):
        rest, z = np.delete(marginals, k, axis=0), np.delete(x, k, axis=0)
        z = z - z.mean(axis=0)  # or a player's own φ would count as slope
        norm = float(np.sum(z**2))
        b[k] = np.sum(rest * z) / norm if norm > 0 else 0.0
    return b
