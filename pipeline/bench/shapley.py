"""Estimators at equal cost on a random game whose Shapley values are enumerated exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from pipeline import registry
from pipeline.bench.timing import compare
from pipeline.shapley import estimate

N_PLAYERS, BUDGET = 10, 220


def rows(repeats: int = 7) -> list[dict[str, Any]]:
    """Each estimator against `exact`: time, Kendall's tau, Pearson's r, evaluations."""
    values = np.random.default_rng(0).normal(size=2**N_PLAYERS).cumsum()
    powers = 2 ** np.arange(N_PLAYERS)

    def game(coalitions: np.ndarray) -> np.ndarray:
        return values[coalitions @ powers]

    exact = estimate(game, N_PLAYERS, "exact", budget=None)
    return [_row(game, exact.phi, name, repeats) for name in registry.names("estimators")]


def _row(game: Any, exact: np.ndarray, name: str, repeats: int) -> dict[str, Any]:
    budget = None if name == "exact" else BUDGET
    found = [estimate(game, N_PLAYERS, name, budget, seed) for seed in range(repeats)]
    timed = compare(
        name,
        lambda: estimate(game, N_PLAYERS, "exact", budget=None),
        lambda: estimate(game, N_PLAYERS, name, budget),
        repeats,
    )
    known = [np.isfinite(one.phi) for one in found]
    pairs = [(one.phi[k], exact[k]) for one, k in zip(found, known, strict=True)]
    return {
        **timed,
        "tau": float(np.mean([stats.kendalltau(*pair).statistic for pair in pairs])),
        "r": float(np.mean([stats.pearsonr(*pair).statistic for pair in pairs])),
        "evaluations": int(np.mean([one.evaluations for one in found])),
    }
