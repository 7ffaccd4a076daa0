"""The table of NAS-Bench-201 against itself: how well scores that know it rank and choose.

A score is a strength [edges, operations]; it ranks by its sum over edges and chooses the strongest
operation of each edge, `none` excluded. No supernet is involved: this is the most that a search
whose strength adds up over edges can hope for, and what truncation does to Shapley values that
have no noise.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import provenance, registry
from pipeline.analysis.intervals import summarise
from pipeline.config.recipes import NasBench201Search
from pipeline.files import write_json
from pipeline.nasbench import Table
from pipeline.nasbench.additive import SHAPE, kendall, main_effects, ranks, scores
from pipeline.nasbench.game import N_PLAYERS, TableGame, banzhaf_weight, with_none
from pipeline.nasbench.table import CODE
from pipeline.shapley import estimate
from pipeline.strategies.contributions import Evaluated
from pipeline.strategies.remaining import Remaining

REPEATS = 20
PERMUTATIONS = 10
# Weights of the sizes 0..23 of the coalitions that a player joins.
SEMIVALUES = {
    "Shapley values": lambda size: 1.0,
    "Banzhaf values": banzhaf_weight,
    "small coalitions (fewer than 8)": lambda size: float(size < 8),
    "middle coalitions (8 to 15)": lambda size: float(8 <= size < 16),
    "large coalitions (16 and more)": lambda size: float(size >= 16),
}
# Estimates of the Shapley values by so many walks from N downwards.
ESTIMATES: dict[str, dict[str, Any]] = {
    "permutation": {},
    "truncated": {"eta": 0.5},
    "released_code": {"eta": 0.5},
}


def write(table: Table, command: str, folder: Path) -> Path:
    """Write the measurement `oracle_table.json`."""
    rows = [row for column in _tests(table) for row in score_rows(table, column)]
    record = provenance.collect({}, 0, "cpu", 0.0)
    path = folder / "oracle_table.json"
    write_json(
        path,
        {
            "command": command,
            "commit": record["git_commit"],
            "machine": record["cpu"],
            "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            "seeds": f"0 to {REPEATS - 1} of the estimates; the rest is exact",
            "rows": rows,
            **WORDS,
        },
    )
    return path


def score_rows(table: Table, column: str) -> Iterator[dict[str, Any]]:
    """One row a score."""
    codes, y = np.asarray(table.rows[CODE]), table.column(column)
    game = TableGame.of(codes, y)
    exact = game.semivalues()
    known = {
        "main effects": main_effects(codes, y),
        "main effects of the ranks": main_effects(codes, ranks(y)),
        **{name: with_none(game.semivalues(weight)) for name, weight in SEMIVALUES.items()},
    }
    for name, strength in known.items():
        phi = strength[:, 1:].ravel()
        yield {
            "column": column,
            "score": name,
            "tau": round(kendall(scores(codes, strength), y), 3),
            "phi_tau": round(kendall(phi, exact), 3),
            **_found(table, column, strength),
        }
    for name, options in ESTIMATES.items():
        yield {"column": column, **_estimated(table, column, game, exact, name, options)}
    yield {
        "column": column,
        "score": "main effects and all pairs of edges",
        "tau": round(kendall(pair_scores(codes, y), y), 3),
    }
    early = column.replace("_test", "_valid_12ep")
    for name, values in (("", column), (", of validation after 12 epochs", early)):
        if values in table.columns:
            strength = one_by_one(codes, table.column(values))
            score = f"main effects{name}, the weakest removed one by one"
            yield {"column": column, "score": score, **_found(table, column, strength)}


def one_by_one(codes: NDArray[np.uint8], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ones for the operations that stay, float64[edges, operations], `none` not among them.

    The operation furthest behind the best of its edge by the main effects of what is left leaves,
    and again: the strategy `shrinking` where all accuracies are known.
    """
    space = registry.get("spaces", "nasbench201")(NasBench201Search().supernet)
    remaining = Remaining(space, none_may_win=False, seed=0)
    players = np.arange(SHAPE[0]) * SHAPE[1] + codes
    known = Evaluated(players, y, np.zeros(len(y), dtype=np.int64))
    while remaining.next <= remaining.n_removals:
        remaining.remove(known)
    return remaining.left.reshape(SHAPE).astype(float)


def pair_scores(codes: NDArray[np.uint8], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The least-squares score of single edges and pairs, float64[n]; no longer additive."""
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
    table: Table,
    column: str,
    game: TableGame,
    exact: NDArray[np.float64],
    estimator: str,
    options: dict[str, Any],
) -> dict[str, Any]:
    """Repeats of an estimate; players that it never reached count as their mean."""
    codes, y = np.asarray(table.rows[CODE]), table.column(column)
    taus, phi_taus, found = [], [], []
    for seed in range(REPEATS):
        budget = PERMUTATIONS * (N_PLAYERS + 1)
        known = estimate(
            game, N_PLAYERS, estimator, budget, seed, permutations=PERMUTATIONS, **options
        ).phi
        phi = np.where(np.isnan(known), np.nanmean(known), known)
        taus.append(kendall(scores(codes, with_none(phi)), y))
        phi_taus.append(kendall(phi, exact))
        found.append(_found(table, column, with_none(phi))["found"])
    return {
        "score": f"{estimator}, {PERMUTATIONS} walks",
        "tau": _mean(taus),
        "phi_tau": _mean(phi_taus),
        "found": _mean(found, 2),
    }


def _found(table: Table, column: str, strength: NDArray[np.float64]) -> dict[str, Any]:
    """The cell of the strongest operations."""
    best = 1 + strength[:, 1:].argmax(axis=1)
    index = int(table.indices(best[None].astype(np.uint8))[0])
    value = float(table.column(column)[index])
    return {"found": round(value, 2), "rank": table.rank(column, index)}


def _mean(values: list[float], decimals: int = 3) -> dict[str, Any]:
    summary = summarise(values)
    numbers = {"mean": summary.mean, "std": summary.deviation, "half_width": summary.half_width}
    rounded = {key: None if x is None else round(x, decimals) for key, x in numbers.items()}
    return {**rounded, "n": summary.n}


def _tests(table: Table) -> list[str]:
    return [column for column in table.accuracies if column.endswith("_test")]


WORDS: dict[str, Any] = {
    "title": "Oracle: what scores that know the NAS-Bench-201 table say of it",
    "question": (
        "How well can a strength that adds up over edges rank all 15,625 architectures, and which "
        "cell does it choose, if it comes from the table itself?"
    ),
    "columns": {
        "column": "Accuracies",
        "score": "Strength",
        "tau": "Kendall's tau with them",
        "phi_tau": "tau with the exact Shapley values",
        "found": "Cell chosen (%)",
        "rank": "its rank",
    },
    "notes": [
        "The game: 24 players, four operations on each of six edges. V(S) is the mean accuracy of "
        "the architectures that have, on every edge, an operation of S, or `none` where S has none "
        "on it. Values over all 2^24 coalitions are exact (`pipeline/nasbench/game.py`).",
        "Main effects: mean accuracy with an operation on an edge, minus the mean; the nearest "
        "additive score in least squares. That does not make their tau the largest: those of the "
        "ranks rank better.",
        "Estimates walk from all operations to none and see V without noise; `truncated` stops at "
        "half of V(N), `released_code` does and subtracts the deviation. ± is half the 95 % t "
        "interval over repeats.",
    ],
    "does_not_show": [
        "What a supernet can estimate: it has noise and shared weights.",
        "A choice better than all conv_3x3 by any score of all architectures: these choose by the "
        "sum that they rank by, which interactions between edges do not enter. Where the weakest "
        "is removed first, they do.",
    ],
}
