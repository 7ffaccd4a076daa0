"""Computes scores from the NAS-Bench-201 table and measures how well they rank its cells.

A score is an array of strengths [edges, operations]. Cells are ranked by the sum of the strengths
of their operations. The chosen cell has, on each edge, the strongest operation other than `none`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import registry
from pipeline.config.recipes import NasBench201Search
from pipeline.nasbench import Table
from pipeline.nasbench.additive import SHAPE, kendall, main_effects, ranks, scores
from pipeline.nasbench.game import N_PLAYERS, TableGame, banzhaf_weight, with_none
from pipeline.nasbench.table import CODE
from pipeline.shapley import estimate
from pipeline.strategies.contributions import Evaluated
from pipeline.strategies.remaining import Remaining
from pipeline.studies.agreement import number

REPEATS = 20
PERMUTATIONS = 10
# Size (0..23) of the coalition to which a player is added -> weight of the contribution.
SEMIVALUES = {
    "Shapley values": lambda size: 1.0,
    "Banzhaf values": banzhaf_weight,
    "small coalitions (fewer than 8)": lambda size: float(size < 8),
    "middle coalitions (8 to 15)": lambda size: float(8 <= size < 16),
    "large coalitions (16 and more)": lambda size: float(size >= 16),
}
# Estimators that walk permutations from N downwards, with their options.
ESTIMATES: dict[str, dict[str, Any]] = {
    "permutation": {},
    "truncated": {"eta": 0.5},
    "released_code": {"eta": 0.5},
}


def table_rows(table: Table) -> Iterator[dict[str, Any]]:
    """The rows of the scores, for each column of test accuracies."""
    for column in table.accuracies:
        if column.endswith("_test"):
            yield from score_rows(table, column)


def score_rows(table: Table, column: str) -> Iterator[dict[str, Any]]:
    """One row for each score."""
    codes, y = np.asarray(table.rows[CODE]), table.column(column)
    game = TableGame.of(codes, y)
    exact = game.semivalues()
    known = {
        "main effects": main_effects(codes, y),
        "main effects of the ranks": main_effects(codes, ranks(y)),
        **{name: with_none(game.semivalues(weight)) for name, weight in SEMIVALUES.items()},
    }
    for name, strength in known.items():
        yield {
            "column": column,
            "score": name,
            "tau": round(kendall(scores(codes, strength), y), 3),
            "phi_tau": round(kendall(strength[:, 1:].ravel(), exact), 3),
            **_chosen(table, column, strength),
        }
    for name, options in ESTIMATES.items():
        score = f"{name}, {PERMUTATIONS} walks"
        strengths = [_estimated(game, seed, name, options) for seed in range(REPEATS)]
        yield {
            "column": column,
            "score": score,
            "tau": number(kendall(scores(codes, strength), y) for strength in strengths),
            "phi_tau": number(kendall(s[:, 1:].ravel(), exact) for s in strengths),
            "found": number((_chosen(table, column, s)["found"] for s in strengths), 2),
        }
    yield {
        "column": column,
        "score": "main effects and all pairs of edges",
        "tau": round(kendall(pair_scores(codes, y), y), 3),
    }
    valid = column.replace("_test", "_valid")
    judges = {
        "": column,
        ", of validation": valid,
        ", of validation after 12 epochs": f"{valid}_12ep",
    }
    for name, values in judges.items():
        if values in table.columns:
            strength = one_by_one(codes, table.column(values))
            score = f"main effects{name}, the weakest removed one by one"
            yield {"column": column, "score": score, **_chosen(table, column, strength)}


def one_by_one(codes: NDArray[np.uint8], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[edges, operations]: 1 for the operation that remains on each edge, else 0.

    `none` is removed first. Each further step removes the operation whose main effect, over the
    remaining architectures, is furthest below the best main effect on its edge. The strategy
    `shrinking` does the same with a supernet instead of the table.
    """
    space = registry.get("spaces", "nasbench201")(NasBench201Search().supernet)
    remaining = Remaining(space, none_may_win=False, seed=0)
    players = np.arange(SHAPE[0]) * SHAPE[1] + codes
    known = Evaluated(players, y, np.zeros(len(y), dtype=np.int64))
    while remaining.next <= remaining.n_removals:
        remaining.remove(known)
    return remaining.left.reshape(SHAPE).astype(float)


def pair_scores(codes: NDArray[np.uint8], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least-squares fit of `y` by effects of operations and of pairs of operations, float64[n]."""
    effects = main_effects(codes, y)
    n_edges, n_operations = effects.shape
    total = y.mean() + n_edges * scores(codes, effects)
    for a in range(n_edges):
        for b in range(a):
            both = codes[:, a].astype(np.int64) * n_operations + codes[:, b]
            means = np.bincount(both, weights=y) / np.bincount(both)
            total += means[both] - y.mean() - effects[a, codes[:, a]] - effects[b, codes[:, b]]
    return total


def _estimated(
    game: TableGame, seed: int, estimator: str, options: dict[str, Any]
) -> NDArray[np.float64]:
    """The strength of one estimate; unreached players get the mean of the others."""
    budget = PERMUTATIONS * (N_PLAYERS + 1)
    known = estimate(
        game, N_PLAYERS, estimator, budget, seed, permutations=PERMUTATIONS, **options
    ).phi
    return with_none(np.where(np.isnan(known), np.nanmean(known), known))


def _chosen(table: Table, column: str, strength: NDArray[np.float64]) -> dict[str, Any]:
    """Accuracy and rank of the cell with the strongest operations."""
    best = 1 + strength[:, 1:].argmax(axis=1)
    index = int(table.indices(best[None].astype(np.uint8))[0])
    value = float(table.column(column)[index])
    return {"found": round(value, 2), "rank": table.rank(column, index)}
