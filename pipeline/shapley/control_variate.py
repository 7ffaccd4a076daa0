"""Permutation sampling with a control variate: a game that resembles V and whose values are known.

With a worth a_o of each player (the previous epoch's Shapley values, or all equal) and u(S) =
Σ_{o ∈ S} a_o, the game g(S) = u(S)² has φ_o(g) = a_o u(N); the marginal contribution of o after
Pre_o exceeds it by

    x_o = 2 a_o [u(Pre_o) - (u(N) - a_o) / 2],    E x_o = 0.

It resembles a supernet's V in that what an operation adds depends on how much is there already:
along a permutation V falls slowly at first and then fast, or the other way round. So

    φ_o = mean_m [Δ_o(m) - b x_o(m)],    b = Σ Δ x / Σ x²

with one slope b for all players, taken for each permutation from the other ones, so that the mean
is unbiased. Since x is the marginal contribution of a game whose V(N) is known, Σ_o x_o = 0 in each
permutation and efficiency holds exactly. Equal worths correct for the position alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.settings import OURS, setting
from pipeline.shapley.estimation import Estimate, average, estimator
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import PermutationSettings, affordable, walk


class ControlVariateSettings(PermutationSettings):
    """What the known game is made of."""

    control: bool = setting(
        True, "players are worth their previous values where there are some; false: all equal", OURS
    )


@estimator("control_variate", ControlVariateSettings)
def control_variate(
    game: Game,
    rng: np.random.Generator,
    budget: int | None,
    settings: ControlVariateSettings,
    *,
    previous: NDArray[np.float64] | Sequence[float] | None = None,
) -> Estimate:
    """Sample permutations and take off a multiple of a game whose values are known.

    Args:
        game: the game.
        rng: draws the permutations.
        budget: the most coalitions to evaluate.
        settings: as above.
        previous: a, float[n], e.g. the previous epoch's φ; NaN counts as the mean of the others.

    Raises:
        InputError: the budget does not reach for one permutation, or `previous` has another length.
    """
    a = worths(previous if settings.control else None, game.n_players)
    count = affordable(game, budget, settings.permutations)
    orders = [rng.permutation(game.n_players) for _ in range(count)]
    delta, V_N = walk(game, orders)
    x = np.stack([control(order, a) for order in orders])
    b = slopes(delta, x)
    return average(delta - b[:, None] * x, V_N, game.evaluations, efficient=True)


def worths(previous: NDArray[np.float64] | Sequence[float] | None, n: int) -> NDArray[np.float64]:
    """a, scaled to a mean absolute value of one; float64[n]."""
    a = np.ones(n) if previous is None else np.asarray(previous, dtype=np.float64)
    if a.shape != (n,):
        raise InputError(f"previous has the shape {a.shape}, not ({n},)")
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


def slopes(delta: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The slope b for each permutation from the others, float64[m]; zero where they say nothing."""
    m = len(delta)
    if m < 3:
        return np.zeros(m)
    b = np.empty(m)
    for k in range(m):
        rest, z = np.delete(delta, k, axis=0), np.delete(x, k, axis=0)
        z = z - z.mean(axis=0)  # or a player's own φ would count as slope
        norm = float(np.sum(z**2))
        b[k] = np.sum(rest * z) / norm if norm > 0 else 0.0
    return b
