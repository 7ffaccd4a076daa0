"""Compares our estimators and those of shapiq on eight games with known Shapley values.

The games have 10 to 14 players. The error on a game is the mean of |estimate - true value| over
players and seeds, divided by the mean of |true value|. For each estimator and number of evaluations
per player, a row has

- the geometric mean of the errors over games
- the number of games on which this estimator has the smallest error
- for our estimators, the share of 95 % intervals that contain the true value: without noise on V,
  and with noise whose standard deviation is a given share of the largest |true value|
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from pipeline.config.studies import Games
from pipeline.errors import InputError
from pipeline.shapley import estimate
from pipeline.shapley.game import ValueFunction

LEAST = 1e-3  # smallest error that counts: some estimators are exact on some games
OURS = ("default", "regression_adjusted", "leverage", "kernel", "permutation", "antithetic", "owen")
# Name -> class of shapiq, and its options.
THEIRS: dict[str, tuple[str, dict[str, Any]]] = {
    "shapiq KernelSHAP": ("KernelSHAP", {}),
    "shapiq KernelSHAP, pairs": ("KernelSHAP", {"pairing_trick": True}),
    "shapiq PermutationSamplingSV": ("PermutationSamplingSV", {}),
    "shapiq StratifiedSamplingSV": ("StratifiedSamplingSV", {}),
    "shapiq SVARM": ("SVARM", {}),
    "shapiq UnbiasedKernelSHAP": ("UnbiasedKernelSHAP", {}),
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


def game_rows(settings: Games) -> Iterator[dict[str, Any]]:
    """A row for each number of evaluations and estimator, as the module describes."""
    played = games()
    truths = {name: estimate(V, n, "exact", noisy=False).phi for name, (n, V) in played.items()}
    for per_player in settings.per_player:
        errors = {
            estimator: {
                name: mean_error(estimator, n, V, truths[name], per_player, settings.seeds)
                for name, (n, V) in played.items()
            }
            for estimator in (*OURS, *THEIRS)
        }
        best = [min(errors, key=lambda estimator: errors[estimator][name]) for name in played]
        for estimator, by_game in errors.items():
            logs = np.log(np.maximum([*by_game.values()], LEAST))
            row = {
                "name": estimator,
                "per_player": per_player,
                "error": round(float(np.exp(logs.mean())), 4),
                "best_in": best.count(estimator),
            }
            if estimator in OURS:
                for key, noise in (("coverage", 0.0), ("coverage_noisy", settings.noise)):
                    share = coverage(estimator, truths, per_player, settings.seeds, noise)
                    row[key] = round(share, 3)
            yield row


def mean_error(
    estimator: str, n: int, V: ValueFunction, truth: np.ndarray, per_player: int, seeds: int
) -> float:
    """The error on one game, as the module describes."""
    phis = [phi_by(estimator, V, n, per_player * n, seed) for seed in range(seeds)]
    return float(np.abs(np.stack(phis) - truth).mean() / np.abs(truth).mean())


def phi_by(estimator: str, V: ValueFunction, n: int, budget: int, seed: int) -> np.ndarray:
    """Shapley values float64[n] by one of our estimators or by one of shapiq's.

    Raises:
        InputError: shapiq is not installed.
    """
    if estimator in OURS:
        name = None if estimator == "default" else estimator
        return estimate(V, n, name, budget, seed, noisy=False).phi
    kind, options = THEIRS[estimator]
    try:
        approximator = getattr(import_module("shapiq"), kind)
    except ImportError:
        raise InputError("the study known_games needs shapiq: pip install shapiq") from None
    values = approximator(n=n, random_state=seed, **options).approximate(
        budget, lambda S: np.asarray(V(np.atleast_2d(S).astype(bool)), dtype=float)
    )
    return np.array([values[(player,)] for player in range(n)])


def coverage(
    estimator: str, truths: Mapping[str, np.ndarray], per_player: int, seeds: int, noise: float
) -> float:
    """Share of 95 % intervals that contain the true value, over all games, players and seeds."""
    name = None if estimator == "default" else estimator
    inside: list[float] = []
    for game, (n, V) in games().items():
        for seed in range(seeds):
            noisy = Noisy(V, noise * np.abs(truths[game]).max(), seed) if noise else V
            low, high = estimate(noisy, n, name, per_player * n, seed).interval().T
            held = (low <= truths[game] + 1e-9) & (truths[game] - 1e-9 <= high)
            inside.append(held[~np.isnan(low)].mean())
    return float(np.nanmean(inside))


class Noisy:
    """A game with independent normal noise in every value."""

    def __init__(self, V: ValueFunction, scale: float, seed: int):
        self.V, self.scale, self.rng = V, scale, np.random.default_rng(seed)

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        """V plus noise, bool[b, n] -> float64[b]."""
        noise: np.ndarray = self.rng.normal(size=len(coalitions))
        return self.V(coalitions) + self.scale * noise
