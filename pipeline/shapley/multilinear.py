"""Values by the multilinear extension (Owen, "Multilinear extensions of games").

    φ_o = E_q E_{S ~ q} [V(S ∪ {o}) - V(S ∖ {o})]

φ_o is the value of player o. Each player is in S with probability q. The distribution of q
determines the kind of value:

    owen       q ~ U(0, 1): the Shapley value
    banzhaf    q = 1/2: the Banzhaf value; all coalitions have equal weights
    beta       q ~ Beta(β, α): the Beta(α, β)-Shapley value (Kwon & Zou, "Beta Shapley", AISTATS
               2022, Eq. 4). α > β favours small coalitions, and β > α favours large ones.

Beta-Shapley weights a coalition of s players without o by B(s + β, n - 1 - s + α) / B(α, β), where
B is the beta function. A sample is a coalition and its n neighbours, each of which differs in one
player. The m samples are stratified: one q is drawn from each of m equally likely intervals. The
standard error ignores the strata and may be too large or too small. Owen's values are efficient in
expectation; Banzhaf and Beta values in general are not.
"""
# Tested in tests/shapley/test_statistics.py.

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.settings import OURS, Settings, setting
from pipeline.shapley.estimation import Estimate, average, estimator, require_budget
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import M

Quantile = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class SampleSettings(Settings):
    """The number of sampled coalitions, each with its neighbours."""

    samples: int | None = setting(
        None, f"number of coalitions; none: all that the budget allows, else {M}", OURS, ge=1
    )


class BetaSettings(SampleSettings):
    """The parameters of Beta-Shapley, which weight coalitions by size."""

    alpha: float = setting(16.0, "α, the weight of small coalitions", "Beta Shapley, 2022", gt=0)
    beta: float = setting(1.0, "β, the weight of large coalitions", "Beta Shapley, 2022", gt=0)


@estimator("owen", SampleSettings)
def owen(
    game: Game, rng: np.random.Generator, budget: int | None, settings: SampleSettings
) -> Estimate:
    """Shapley values."""
    return _average(game, rng, budget, settings, lambda u: u)


@estimator("banzhaf", SampleSettings)
def banzhaf(
    game: Game, rng: np.random.Generator, budget: int | None, settings: SampleSettings
) -> Estimate:
    """Banzhaf values."""
    return _average(game, rng, budget, settings, lambda u: np.full_like(u, 0.5))


@estimator("beta", BetaSettings)
def beta(
    game: Game, rng: np.random.Generator, budget: int | None, settings: BetaSettings
) -> Estimate:
    """Beta(α, β)-Shapley values."""
    from scipy.special import betaincinv  # importing scipy takes longer than most estimates

    return _average(
        game, rng, budget, settings, lambda u: betaincinv(settings.beta, settings.alpha, u)
    )


def _average(
    game: Game,
    rng: np.random.Generator,
    budget: int | None,
    settings: SampleSettings,
    quantile: Quantile,
) -> Estimate:
    """The mean in the equation above; `quantile` is the quantile function of q."""
    n, samples = game.n_players, settings.samples
    require_budget(budget, n + 2)
    if budget is not None:
        # One evaluation is for V(N), which the estimate reports.
        samples = min(samples or budget, max((budget - 1) // (n + 1), 1))
    count = samples or M
    drawn = coalitions(rng, n, quantile(stratified(rng, count)))
    values = game.play([neighbours(S) for S in drawn])
    delta = np.stack(
        [np.where(S, V[0] - V[1:], V[1:] - V[0]) for S, V in zip(drawn, values, strict=False)]
    )
    return average(delta, np.array([game.full()]), game.evaluations)


def neighbours(S: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool[1 + n, n]: coalition S, then S with player o added or removed, for each player o."""
    near: NDArray[np.bool_] = np.concatenate([S[None], S ^ np.eye(len(S), dtype=bool)])
    return near


def stratified(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """A random number from each of `count` equal parts of (0, 1), in random order."""
    return rng.permutation((np.arange(count) + rng.random(count)) / count)


def coalitions(rng: np.random.Generator, n: int, q: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Random coalitions bool[k, n]; players are in coalition i with probability q[i]."""
    return rng.random((len(q), n)) < q[:, None]
