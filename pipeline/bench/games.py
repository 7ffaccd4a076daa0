"""Compares our estimators and those of shapiq on eight games with known Shapley values.

The games have 10 to 14 players. The error on a game is the mean of |estimate - true value| over
players and seeds, divided by the mean of |true value|. For each estimator and number of evaluations
per player, a row has

- the geometric mean of the errors over games
- the number of games on which this estimator has the smallest error
- for our estimators, the share of 95 % intervals that contain the true value: without noise on V,
  and with noise whose standard deviation is a tenth of the largest |true value|
"""
# Tested in tests/test_bench.py.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shapiq

from pipeline.shapley import estimate
from pipeline.shapley.game import ValueFunction

PER_PLAYER = (5, 20, 60)
NOISE = 0.1
LEAST = 1e-3  # smallest error that counts: some estimators are exact on some games
OURS = ("default", "regression_adjusted", "leverage", "kernel", "permutation", "antithetic", "owen")
THEIRS: dict[str, Callable[..., Any]] = {
    "shapiq KernelSHAP": shapiq.KernelSHAP,
    "shapiq KernelSHAP, pairs": lambda n, random_state: shapiq.KernelSHAP(
        n, pairing_trick=True, random_state=random_state
    ),
    "shapiq PermutationSamplingSV": shapiq.PermutationSamplingSV,
    "shapiq StratifiedSamplingSV": shapiq.StratifiedSamplingSV,
    "shapiq SVARM": shapiq.SVARM,
    "shapiq UnbiasedKernelSHAP": shapiq.UnbiasedKernelSHAP,
}


def games() -> dict[str, tuple[int, ValueFunction]]:
    """Name -> (number of players, V); the same games at each call."""
    rng = np.random.default_rng(2022)
    worth = rng.exponential(size=14)
    pairs = rng.normal(size=(12, 12)) / 4
    table = rng.normal(size=2**10)
    costs = np.sort(rng.exponential(size=13))
    votes = rng.integers(1, 9, size=14)
    members = rng.random((30, 12)) < 0.2
    shares = rng.normal(size=30)
    hidden = rng.normal(size=(12, 16))
    bits = 1 << np.arange(10)
    return {
        "additive": (14, lambda S: S @ worth),
        "pairs": (12, lambda S: S @ worth[:12] + np.einsum("bi,ij,bj->b", S, pairs, S)),
        "concave": (14, lambda S: np.sqrt(S @ worth)),
        "airport": (13, lambda S: np.max(S * costs, axis=1)),
        "voting": (14, lambda S: (2 * (S @ votes) > votes.sum()).astype(float)),
        "dividends": (12, lambda S: (~(members & ~S[:, None]).any(axis=2)) @ shares),
        "network": (12, lambda S: 1 / (1 + np.exp(-np.tanh(S @ hidden).sum(axis=1)))),
        "table": (10, lambda S: table[S @ bits] + S @ worth[:10]),
    }


def rows(repeats: int = 20) -> list[dict[str, Any]]:
    """A row for each estimator and budget, as the module describes."""
    played = games()
    truths = {name: estimate(V, n, "exact", noisy=False).phi for name, (n, V) in played.items()}
    found: list[dict[str, Any]] = []
    for per_player in PER_PLAYER:
        errors = {
            estimator: {
                name: mean_error(estimator, n, V, truths[name], per_player, repeats)
                for name, (n, V) in played.items()
            }
            for estimator in (*OURS, *THEIRS)
        }
        best = {name: min(errors, key=lambda one: errors[one][name]) for name in played}
        for estimator, by_game in errors.items():
            logs = np.log(np.maximum([*by_game.values()], LEAST))
            row = {
                "name": estimator,
                "per_player": per_player,
                "error": round(float(np.exp(logs.mean())), 4),
                "best_in": sum(winner == estimator for winner in best.values()),
                "repeats": repeats,
                **{f"error_{name}": round(error, 4) for name, error in by_game.items()},
            }
            if estimator in OURS:
                for key, noise in (("coverage", 0.0), ("coverage_noisy", NOISE)):
                    row[key] = round(coverage(estimator, truths, per_player, repeats, noise), 3)
            found.append(row)
    return found


def mean_error(
    estimator: str, n: int, V: ValueFunction, truth: np.ndarray, per_player: int, repeats: int
) -> float:
    """The error on one game, as the module describes."""
    found = [phi_by(estimator, V, n, per_player * n, seed) for seed in range(repeats)]
    return float(np.abs(np.stack(found) - truth).mean() / np.abs(truth).mean())


def phi_by(estimator: str, V: ValueFunction, n: int, budget: int, seed: int) -> np.ndarray:
    """Shapley values float64[n] by one of our estimators or by one of shapiq's."""
    if estimator in OURS:
        name = None if estimator == "default" else estimator
        return estimate(V, n, name, budget, seed, noisy=False).phi
    values = THEIRS[estimator](n=n, random_state=seed).approximate(
        budget, lambda S: np.asarray(V(np.atleast_2d(S).astype(bool)), dtype=float)
    )
    return np.array([values[(player,)] for player in range(n)])


def coverage(
    estimator: str, truths: dict[str, np.ndarray], per_player: int, repeats: int, noise: float
) -> float:
    """Share of 95 % intervals that contain the true value, over all games, players and seeds."""
    name = None if estimator == "default" else estimator
    inside: list[float] = []
    for game, (n, V) in games().items():
        for seed in range(repeats):
            noisy = Noisy(V, noise * np.abs(truths[game]).max(), seed) if noise else V
            found = estimate(noisy, n, name, per_player * n, seed)
            low, high = found.interval().T
            held = (low <= truths[game] + 1e-9) & (truths[game] - 1e-9 <= high)
            inside.append(held[~np.isnan(low)].mean())
    return float(np.nanmean(inside))


class Noisy:
    """A game with independent normal noise in every value."""

    def __init__(self, V: ValueFunction, scale: float, seed: int):
        self.V, self.scale, self.rng = V, scale, np.random.default_rng(seed)

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        """V plus noise, bool[b, n] -> float64[b]."""
        found: np.ndarray = self.V(coalitions) + self.scale * self.rng.normal(size=len(coalitions))
        return found
