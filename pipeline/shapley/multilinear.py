"""Values by the multilinear extension: players take part independently, with probability q.

    φ_o = E_q E_{S ~ q} [V(S ∪ {o}) - V(S ∖ {o})]      (Owen, "Multilinear extensions of games")

What q is drawn from decides on the value, since it weighs the sizes of coalitions:

    owen       q ~ U(0, 1): the Shapley value
    banzhaf    q = 1/2: the Banzhaf value, all coalitions alike (sizes near n/2)
    beta       q ~ Beta(β, α): Beta(α, β)-Shapley (Kwon & Zou, "Beta Shapley", AISTATS 2022, Eq. 4),
               α > β for small coalitions, β > α for large ones, α = β = 1 for the Shapley value

Beta-Shapley gives coalitions of s others the weight B(s + β, n - 1 - s + α) / B(α, β), which is
∫ q^s (1 - q)^(n-1-s) over that distribution of q. The values of a sample come from one coalition
and its n neighbours. The q of the samples are stratified, one in each equally likely interval; the
standard error takes them for independent and so errs towards too large. None of these is efficient
but in expectation, Banzhaf and Beta not even so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.registry import register
from pipeline.shapley.estimation import Estimate, at_least, average
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import M

Quantile = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@register("estimators", "owen")
def owen(
    game: Game, rng: np.random.Generator, budget: int | None = None, *, samples: int | None = None
) -> Estimate:
    """Shapley values by multilinear sampling.

    Args:
        game: the game.
        rng: draws the coalitions.
        budget: the most coalitions to evaluate.
        samples: coalitions whose neighbours are looked at; None: as many as the budget allows,
            without a budget 10, which costs as much as 10 permutations.

    Raises:
        InputError: the budget does not reach for one sample.
    """
    return _sample("owen", game, rng, budget, samples, lambda u: u)


@register("estimators", "banzhaf")
def banzhaf(
    game: Game, rng: np.random.Generator, budget: int | None = None, *, samples: int | None = None
) -> Estimate:
    """Banzhaf values; arguments as `owen`."""
    return _sample("banzhaf", game, rng, budget, samples, lambda u: np.full_like(u, 0.5))


@register("estimators", "beta")
def beta(
    game: Game,
    rng: np.random.Generator,
    budget: int | None = None,
    *,
    samples: int | None = None,
    alpha: float = 16.0,
    beta: float = 1.0,
) -> Estimate:
    """Beta(α, β)-Shapley values.

    Args:
        game: the game.
        rng: draws the coalitions.
        budget: as `owen`.
        samples: as `owen`.
        alpha: α > 0, weight of small coalitions; the paper's Beta(16, 1) by default.
        beta: β > 0, weight of large coalitions.
    """
    from scipy.special import betaincinv

    if min(alpha, beta) <= 0:
        raise InputError(f"estimator beta: alpha and beta are {alpha} and {beta}; both exceed 0")
    return _sample("beta", game, rng, budget, samples, lambda u: betaincinv(beta, alpha, u))


def _sample(
    estimator: str,
    game: Game,
    rng: np.random.Generator,
    budget: int | None,
    samples: int | None,
    quantile: Quantile,
) -> Estimate:
    """Mean difference that each player makes, q being a quantile of stratified numbers."""
    at_least(1, estimator, samples=samples)
    n = game.n_players
    if budget is not None:
        at_least(n + 2, estimator, budget=budget)
        # One evaluation of V(N), which the estimate reports.
        samples = min(samples or budget, max((budget - 1) // (n + 1), 1))
    count = samples or M
    drawn = coalitions(rng, n, quantile(stratified(rng, count)))
    found = game.each(lambda k: _neighbours(game, k, drawn[k]), range(count))
    return average(found, [game.full()], game.evaluations)


def stratified(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """One uniform number in each of `count` equal intervals of (0, 1), in random order."""
    return rng.permutation((np.arange(count) + rng.random(count)) / count)


def coalitions(rng: np.random.Generator, n: int, q: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Random coalitions bool[k, n]: in number k each player takes part with probability q[k]."""
    return rng.random((len(q), n)) < q[:, None]


def _neighbours(game: Game, k: int, S: NDArray[np.bool_]) -> NDArray[np.float64]:
    """V(S ∪ {o}) - V(S ∖ {o}) for every player o, under draw number k."""
    game.redraw(k)
    V = game.value(np.concatenate([S[None], S ^ np.eye(len(S), dtype=bool)]))
    return np.where(S, V[0] - V[1:], V[1:] - V[0])
