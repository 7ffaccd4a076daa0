"""Regression-adjusted Monte Carlo (Witter, Liu & Musco, NeurIPS 2025), with a linear regression.

The Shapley value of player o among n players is a mean over coalitions. With Δ = V(N) - V(∅),

    φ_o = Δ/n + E_S (n-1) [1(o ∈ S) / s - 1(o ∉ S) / (n - s)] V(S)

where the size s of S is uniform over 1 .. n-1, and S is uniform among the coalitions of size s. The
mean over sampled S has a large variance. Shapley values are linear in the game, so
φ(V) = φ(f) + φ(V - f). Here f is a regression whose φ(f) is known exactly, and φ(V - f) is
estimated from the residuals V(S) - f(S), which are small:

    f(S) = V(∅) + Δ u + Σ_o (β_o + β'_o c(u)) (1(o ∈ S) - u) + γ_1 u(1-u) + γ_2 u(1-u)(1-2u)

with u = s/n, c(u) = (2u-1)² - κ and fitted coefficients β, β' and γ. The β' terms let a player's
contribution depend on the size of the coalition. The constant κ is chosen so that they do not
change φ(f). The γ terms do not change φ(f) either, because they depend only on u and are zero at
u = 0 and u = 1. So φ_o(f) = Δ/n + β_o.

The coalitions are divided into folds. The residuals of a fold are computed with an f that is fitted
on the other folds, so the estimate is unbiased. The fit is a ridge regression, with the penalty of
the smallest leave-one-out error. Σ_o φ_o = V(N) - V(∅) holds exactly. Standard errors are computed
over pairs of complementary coalitions and then widened.
"""
# Tested in tests/shapley/test_statistics.py.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.shapley.estimation import Estimate, estimator, mean_and_error
from pipeline.shapley.game import Game
from pipeline.shapley.regression import PAIR, PairSettings, Sampled, efficient_estimate, sample

FOLDS = 5
PENALTIES = 10.0 ** np.arange(-12, 2)  # in units of the largest squared singular value


@estimator("regression_adjusted", PairSettings)
def regression_adjusted(
    game: Game, rng: np.random.Generator, budget: int | None, settings: PairSettings
) -> Estimate:
    """Shapley values of a regression, plus a Monte Carlo estimate from its residuals."""
    n = game.n_players
    sampled = sample(game, rng, budget, settings, np.ones(n - 1))
    mean, error = mean_and_error(per_pair(sampled, n))
    # All pairs share the fitted coefficients, so the spread over pairs does not show their error.
    pairs = max(len(sampled.y) // PAIR, 1)
    error *= (pairs / max(pairs - n, pairs / 4)) ** 0.5
    standard_error = np.sqrt(error**2 + (sampled.gain_error / n) ** 2)
    return efficient_estimate(game, sampled, mean, standard_error)


def per_pair(sampled: Sampled, n: int) -> NDArray[np.float64]:
    """φ_o - Δ/n, estimated from each pair of coalitions separately, float64[pairs, n]."""
    if n == 1:
        return np.zeros((2, 1))
    n_pairs = len(sampled.y) // PAIR
    u = (sampled.size / n)[:, None]
    curved = sampled.x * ((2 * u - 1) ** 2 - curvature(n))
    features = np.hstack([sampled.x, u * (1 - u), u * (1 - u) * (1 - 2 * u), curved])
    s = sampled.size[:, None]
    bracket = (n - 1) * np.where(sampled.coalitions, 1 / s, -1 / (n - s))
    fold = np.arange(n_pairs) % min(FOLDS, n_pairs)
    phi = np.empty((n_pairs, n))
    for k in np.unique(fold):
        inside = np.repeat(fold == k, PAIR)
        w = fit(features[~inside], sampled.y[~inside], n)
        residual = sampled.y[inside] - features[inside] @ w
        adjusted = w[:n] + bracket[inside] * residual[:, None]
        phi[fold == k] = adjusted.reshape(-1, PAIR, n).mean(axis=1)
    return phi


def fit(features: NDArray[np.float64], y: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Coefficients of f, with curved features orthogonal to the others; zeros without data."""
    if not len(y):
        return np.zeros(features.shape[1])
    plain, curved = features[:, :-n], features[:, -n:]
    explained = np.linalg.lstsq(plain, curved, rcond=1e-9)[0]
    w = ridge(np.hstack([plain, curved - plain @ explained]), y)
    w[:-n] -= explained @ w[-n:]
    return w


def curvature(n: int) -> float:
    """κ, the ratio of the Shapley values that a player o has in two games.

    With u = |S|/n, V(S) is (2u-1)² (1(o ∈ S) - u) in the game of the numerator, and 1(o ∈ S) - u in
    the game of the denominator. κ is the same for all players o.
    """
    u = np.arange(n) / n
    after = u + 1 / n
    added = (1 - after) * (2 * after - 1) ** 2 + u * (2 * u - 1) ** 2
    return float(added.mean() * n / (n - 1))


def ridge(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ridge regression of y [m] on x [m, k]; the penalty minimises the leave-one-out error."""
    U, d, Vt = np.linalg.svd(x, full_matrices=False)
    # Directions that the data does not determine have singular values that are rounding errors.
    seen = d > 1e-9 * d.max(initial=0.0)
    if not seen.any():
        return np.zeros(x.shape[1])
    U, d, Vt = U[:, seen], d[seen], Vt[seen]
    z = U.T @ y
    best, chosen = np.inf, np.zeros_like(z)
    for penalty in PENALTIES * d[0] ** 2:
        shrink = d**2 / (d**2 + penalty)
        hat = np.sum(U**2 * shrink, axis=1)
        left_out = (y - U @ (shrink * z)) / np.maximum(1 - hat, 1e-9)
        error = float(np.sum(left_out**2))
        if error < best:
            best, chosen = error, shrink * z / d
    coefficients: NDArray[np.float64] = Vt.T @ chosen
    return coefficients
