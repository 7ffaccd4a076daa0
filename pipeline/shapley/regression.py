"""Shapley values by least squares: the additive game closest to V.

    φ = argmin Σ_S w(S) (V(S) - V(∅) - Σ_{o ∈ S} φ_o)²   subject to Σ_o φ_o = V(N) - V(∅)

The sum is over all coalitions S of the n players except ∅ and N. With s = |S| and the binomial
coefficient C(n, s), the weights are w(S) = 1 / (C(n, s) s (n - s)) (Charnes et al., 1988; Lundberg
& Lee, NeurIPS 2017). Each sampled coalition is drawn together with its complement:

    kernel      sizes s with probability proportional to 1 / (s (n - s)), weights of one
                (Covert & Lee, AISTATS 2021)
    leverage    uniform sizes s, weights 1 / (s (n - s)) (Musco & Witter, ICLR 2025)

The constraint is eliminated as in Musco & Witter. Let Δ = V(N) - V(∅), and let 1_S be the indicator
vector of S. The sum below is over the sampled coalitions with their weights w:

    x_S = 1_S - s/n     y_S = V(S) - V(∅) - Δ s/n     φ = Δ/n + β,  β = argmin Σ w (x_S·β - y_S)²

With m pairs of coalitions, the bias is proportional to 1/m. Standard errors are computed by the
sandwich estimator over pairs, and are NaN if there are fewer pairs than players.
"""
# Tested in tests/shapley/test_statistics.py.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pipeline.settings import OURS, Settings, setting
from pipeline.shapley.estimation import Estimate, estimator, require_budget
from pipeline.shapley.game import Game, within_budget
from pipeline.shapley.permutation import PAIR, REPEATS, M


class PairSettings(Settings):
    """The number of coalitions."""

    samples: int | None = setting(
        None,
        f"number of pairs; none: all that the budget allows, else as many as {M} permutations cost",
        OURS,
        ge=1,
    )


@dataclass(frozen=True)
class Sampled:
    """Coalitions and their complements; row 2i + 1 is the complement of row 2i."""

    coalitions: NDArray[np.bool_]  # bool[2m, n]
    x: NDArray[np.float64]  # float64[2m, n], indicator vectors minus s/n
    y: NDArray[np.float64]  # float64[2m], V(S) - V(∅) - Δ s/n
    size: NDArray[np.int64]  # int64[2m], s
    gain: float  # Δ = V(N) - V(∅), the mean over draws
    gain_error: float  # its standard error; zero if V does not change
    value_full: float  # V(N), the mean over draws


@estimator("kernel", PairSettings)
def kernel(
    game: Game, rng: np.random.Generator, budget: int | None, settings: PairSettings
) -> Estimate:
    """Kernel regression."""
    n = game.n_players
    s = np.arange(1, n)
    sampled = sample(game, rng, budget, settings, 1 / (s * (n - s)))
    return _solve(game, sampled, np.ones(len(sampled.y)))


@estimator("leverage", PairSettings)
def leverage(
    game: Game, rng: np.random.Generator, budget: int | None, settings: PairSettings
) -> Estimate:
    """Leverage-score regression."""
    n = game.n_players
    sampled = sample(game, rng, budget, settings, np.ones(n - 1))
    return _solve(game, sampled, 1 / (sampled.size * (n - sampled.size)))


def sample(
    game: Game,
    rng: np.random.Generator,
    budget: int | None,
    settings: PairSettings,
    size_weights: NDArray[np.float64],
) -> Sampled:
    """Evaluate random coalitions and their complements.

    `size_weights`, float64[n - 1], are proportional to the probabilities of the sizes 1, ..., n - 1
    of a sampled coalition.

    Raises:
        InputError: the budget is too small for one coalition and its complement.
    """
    n = game.n_players
    require_budget(budget, min(n, 2) + 2)
    units = _units(game, rng, budget, settings.samples, size_weights)
    values = game.play(units)
    units = units[: len(values)]
    parts, V_ends = [unit[2:] for unit in units], np.stack([V[:2] for V in values])
    y = [
        V[2:] - V[0] - (V[1] - V[0]) * (part.sum(axis=1) / n)
        for V, part in zip(values, parts, strict=True)
    ]
    coalitions = np.concatenate(parts)
    size = coalitions.sum(axis=1)
    gains = V_ends[:, 1] - V_ends[:, 0]
    return Sampled(
        coalitions=coalitions,
        x=coalitions - size[:, None] / n,
        y=np.concatenate(y),
        size=size,
        gain=float(gains.mean()),
        gain_error=float(gains.std(ddof=1) / len(gains) ** 0.5) if len(gains) > 1 else 0.0,
        value_full=float(V_ends[:, 1].mean()),
    )


def _units(
    game: Game,
    rng: np.random.Generator,
    budget: int | None,
    samples: int | None,
    size_weights: NDArray[np.float64],
) -> list[NDArray[np.bool_]]:
    """The coalitions to evaluate on each draw of images: ∅, N and k random pairs, bool[2 + 2k, n].

    All draws except the last have the same k, so a larger budget only adds coalitions.
    """
    n = game.n_players
    a_draw = max((n - 1) // PAIR, 1)  # pairs per draw
    ends = np.array([[False] * n, [True] * n])

    def endless() -> Iterator[NDArray[np.bool_]]:
        while True:
            yield np.concatenate([ends, _draw(rng, n, a_draw if n > 1 else 0, size_weights)])

    if budget is None or game.redraws:
        cost = M * (n + 1) if budget is None else budget
        affordable = _pairs(cost, a_draw, game.redraws)
        count = min(samples or affordable, affordable) if budget else samples or affordable
        units = [*islice(endless(), -(-count // a_draw))]
        units[-1] = units[-1][: 2 + PAIR * (count - a_draw * (len(units) - 1))]
        return units
    # V stays the same, so a repeated pair costs nothing.
    pairs = (pair for unit in endless() for pair in unit[2:].reshape(-1, PAIR, n))
    at_most = samples or REPEATS * _pairs(budget, a_draw, False)
    fitting = within_budget(game, pairs, budget, at_most) if n > 1 else [np.zeros((0, n), bool)]
    return [
        np.concatenate([ends, *fitting[start : start + a_draw]])
        for start in range(0, len(fitting), a_draw)
    ]


def _pairs(budget: int, a_draw: int, redraws: bool) -> int:
    """Number of pairs that a budget allows besides V(N) and V(∅)."""
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


def _solve(game: Game, sampled: Sampled, weights: NDArray[np.float64]) -> Estimate:
    """Least squares with a weight for each coalition."""
    n, n_pairs = game.n_players, len(sampled.y) // PAIR
    x, y = sampled.x, sampled.y
    # The matrix maps (1, ..., 1) to zero only up to rounding; the cutoff is well above that.
    gram = np.linalg.pinv(x.T @ (weights[:, None] * x), rcond=1e-10, hermitian=True)
    beta = gram @ (x.T @ (weights * y))
    standard_error = np.full(n, np.nan)
    if n_pairs >= n:
        scores = (weights * (y - x @ beta))[:, None] * x
        of_pairs = scores.reshape(n_pairs, PAIR, n).sum(axis=1)
        spread = of_pairs.T @ of_pairs * n_pairs / max(n_pairs - (n - 1), 1)
        variance = np.diag(gram @ spread @ gram)
        standard_error = np.sqrt(np.maximum(variance, 0) + (sampled.gain_error / n) ** 2)
    return efficient_estimate(game, sampled, beta, standard_error, fitted=n - 1)


def efficient_estimate(
    game: Game,
    sampled: Sampled,
    beta: NDArray[np.float64],
    standard_error: NDArray[np.float64],
    fitted: int = 0,
) -> Estimate:
    """φ = Δ/n + β; `fitted` is the number of free coefficients in β, 0 if β is a mean."""
    n = game.n_players
    return Estimate(
        phi=sampled.gain / n + beta,
        standard_error=standard_error,
        reached=np.full(n, len(sampled.y) or 1),
        evaluations=game.evaluations,
        value_full=sampled.value_full,
        efficient=True,
        freedom=np.full(n, max(len(sampled.y) // PAIR - max(fitted, 1), 0)),
    )
