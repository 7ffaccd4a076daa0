"""Shapley values by least squares: the additive game that is nearest to V.

    φ = argmin Σ_S w(S) (V(S) - V(∅) - Σ_{o ∈ S} φ_o)²   subject to Σ_o φ_o = V(N) - V(∅)

with w(S) = 1 / (C(n, s) s (n - s)), s = |S| (Charnes et al., 1988; Lundberg & Lee, NeurIPS 2017),
estimated from coalitions that are drawn with their complements:

    kernel      s with probability proportional to 1 / (s (n - s)), all of weight one (Covert & Lee,
                AISTATS 2021)
    leverage    s uniform, which is in proportion to leverage scores, of weight 1 / (s (n - s))
                (Musco & Witter, ICLR 2025)

The constraint is taken out as the latter do: with Δ = V(N) - V(∅),

    x_S = 1_S - s/n     y_S = V(S) - V(∅) - Δ s/n     φ = Δ/n + β,  β = argmin Σ w (x_S β - y_S)²

and Σ β = 0 since every x_S is orthogonal to 1. A ratio estimator: its bias falls as 1/m. Standard
errors are the sandwich's over pairs, unknown where there are fewer pairs than players.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.registry import register
from pipeline.shapley.estimation import Estimate, at_least
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import M

PAIR = 2


@dataclass(frozen=True)
class Sampled:
    """Coalitions with their complements, row 2i + 1 being that of row 2i.

    Attributes:
        coalitions: bool[2m, n].
        x: float64[2m, n], indicator vectors less s/n.
        y: float64[2m], V(S) - V(∅) - Δ s/n.
        size: int64[2m], s.
        gain: Δ = V(N) - V(∅), the mean over draws.
        gain_error: its standard error; zero where V does not change.
        value_full: V(N), the mean over draws.
    """

    coalitions: NDArray[np.bool_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    size: NDArray[np.int64]
    gain: float
    gain_error: float
    value_full: float


@register("estimators", "kernel")
def kernel(
    game: Game, rng: np.random.Generator, budget: int | None = None, *, samples: int | None = None
) -> Estimate:
    """Kernel regression.

    Args:
        game: the game.
        rng: draws the coalitions.
        budget: the most coalitions to evaluate.
        samples: pairs of coalitions; None: as many as the budget allows, without a budget those
            that cost as much as 10 permutations.

    Raises:
        InputError: the budget does not reach for one pair.
    """
    n = game.n_players
    s = np.arange(1, n)
    found = sample("kernel", game, rng, budget, samples, 1 / (s * (n - s)))
    return _solve(game, found, np.ones(len(found.y)))


@register("estimators", "leverage")
def leverage(
    game: Game, rng: np.random.Generator, budget: int | None = None, *, samples: int | None = None
) -> Estimate:
    """Leverage-score regression; arguments as `kernel`."""
    n = game.n_players
    found = sample("leverage", game, rng, budget, samples, np.ones(n - 1))
    return _solve(game, found, 1 / (found.size * (n - found.size)))


def sample(
    estimator: str,
    game: Game,
    rng: np.random.Generator,
    budget: int | None,
    samples: int | None,
    size_weights: NDArray[np.float64],
) -> Sampled:
    """Draw coalitions and evaluate them, as many under one draw as a permutation has.

    Args:
        estimator: for the error message.
        game: the game.
        rng: draws the coalitions.
        budget: the most coalitions to evaluate.
        samples: pairs.
        size_weights: float64[n - 1], proportional to the probability of each size 1 .. n - 1.
    """
    n = game.n_players
    at_least(1, estimator, samples=samples)
    at_least(min(n, 2) + 2, estimator, budget=budget)
    a_draw = max((n - 1) // PAIR, 1)
    count = samples or _pairs(M * (n + 1), a_draw, game.redraws)
    if budget is not None:
        count = min(samples or budget, _pairs(budget, a_draw, game.redraws))
    n_draws = -(-count // a_draw)
    # Drawn a draw at a time, so that a larger budget begins with what a smaller one is.
    drawn = [_draw(rng, n, a_draw if n > 1 else 0, size_weights) for _ in range(n_draws)]
    coalitions = np.concatenate(drawn)[: PAIR * count]
    parts = np.array_split(coalitions, np.arange(1, n_draws) * PAIR * a_draw)
    ends = np.array([[False] * n, [True] * n])

    def evaluate(m: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        game.redraw(m)
        V = game.value(np.concatenate([ends, parts[m]]))
        share = parts[m].sum(axis=1) / n
        return V[:2], V[2:] - V[0] - (V[1] - V[0]) * share

    found = game.each(evaluate, range(n_draws))
    V_ends = np.stack([values for values, _ in found])
    gains = V_ends[:, 1] - V_ends[:, 0]
    size = coalitions.sum(axis=1)
    return Sampled(
        coalitions=coalitions,
        x=coalitions - size[:, None] / n,
        y=np.concatenate([y for _, y in found]),
        size=size,
        gain=float(gains.mean()),
        gain_error=float(gains.std(ddof=1) / len(gains) ** 0.5) if len(gains) > 1 else 0.0,
        value_full=float(V_ends[:, 1].mean()),
    )


def _pairs(budget: int, a_draw: int, redraws: bool) -> int:
    """Pairs that a budget pays for; V(N) and V(∅) are evaluated once a draw."""
    if not redraws:
        return max((budget - 2) // PAIR, 1)
    whole, rest = divmod(budget, PAIR * a_draw + 2)
    return max(whole * a_draw + max(rest - 2, 0) // PAIR, 1)


def _draw(
    rng: np.random.Generator, n: int, count: int, size_weights: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """`count` coalitions and their complements, bool[2 count, n]."""
    if not count:
        return np.zeros((0, n), dtype=bool)
    sizes = rng.choice(np.arange(1, n), size=count, p=size_weights / size_weights.sum())
    ranks = rng.permuted(np.tile(np.arange(n), (count, 1)), axis=1)
    S = ranks < sizes[:, None]
    return np.stack([S, ~S], axis=1).reshape(-1, n)


def _solve(game: Game, found: Sampled, weights: NDArray[np.float64]) -> Estimate:
    n, n_pairs = game.n_players, len(found.y) // PAIR
    x, y = found.x, found.y
    # Its null vector 1 is known to rounding only, hence a cut well above it.
    gram = np.linalg.pinv(x.T @ (weights[:, None] * x), rcond=1e-10, hermitian=True)
    beta = gram @ (x.T @ (weights * y))
    standard_error = np.full(n, np.nan)
    if n_pairs >= n:
        scores = (weights * (y - x @ beta))[:, None] * x
        of_pairs = scores.reshape(n_pairs, PAIR, n).sum(axis=1)
        spread = of_pairs.T @ of_pairs * n_pairs / max(n_pairs - (n - 1), 1)
        variance = np.diag(gram @ spread @ gram)
        standard_error = np.sqrt(np.maximum(variance, 0) + (found.gain_error / n) ** 2)
    return Estimate(
        phi=found.gain / n + beta,
        standard_error=standard_error,
        reached=np.full(n, len(y) or 1),
        evaluations=game.evaluations,
        value_full=found.value_full,
        efficient=True,
    )
