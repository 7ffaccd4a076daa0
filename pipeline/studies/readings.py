"""Computes scores of operations on supernets, and compares them with the NAS-Bench-201 table.

A *reading* is a way to give each player a score:

- the softmax of α
- Shapley values from a single run of an estimator
- Shapley values from walks (evaluations of V along whole permutations)

Each reading is compared with the Shapley values of the table. We also measure how well it ranks
and chooses architectures, as in Figure 5 and Table 5 of Shapley-NAS.
"""
# Tested in tests/studies/test_table.py.

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.config.studies import Study, walk_job
from pipeline.files import read_arrays, read_json
from pipeline.nasbench import Table
from pipeline.nasbench.additive import SHAPE
from pipeline.nasbench.game import N_PLAYERS, TableGame
from pipeline.spaces.space import softmax
from pipeline.studies.agreement import Ranking, with_reference
from pipeline.studies.estimators import estimates, phi_of, read_walk
from pipeline.studies.walks import VALUE_NAMES, Walks, together

THIRD = N_PLAYERS // 3
# Readings of walks: name -> options of `Walks.phi`. Only walks with the batch-norm policy "batch"
# have more than the first.
READINGS: dict[str, dict[str, Any]] = {
    **{value: {"value": value} for value in VALUE_NAMES},
    "accuracy, truncated at .5": {"eta": 0.5},
    "accuracy, smallest third of coalitions": {"sizes": (0, THIRD)},
    "accuracy, middle third": {"sizes": (THIRD, N_PLAYERS - THIRD)},
    "accuracy, largest third": {"sizes": (N_PLAYERS - THIRD, N_PLAYERS)},
}


def reading_rows(study: Study, results: Path, table: Table) -> Iterator[dict[str, Any]]:
    """A row for each supernet and reading."""
    column = f"{study.dataset}_test"
    ranking = Ranking.of(table, column)
    exact = TableGame.of(ranking.codes, ranking.accuracies).semivalues()
    for name, (way, age) in sorted(study.supernets().items(), key=lambda entry: entry[1]):
        search = results / study.folder(paths.SUPERNET, supernet=name)
        trained = read_json(search / "metrics.json")
        head = {"way": way, "age": age, "train_accuracy": round(trained["train_accuracy"], 3)}
        for row, phi in itertools.chain(
            _alpha_row(search),
            _walk_rows(study, results, name, ranking),
            _estimate_rows(study, results, name),
        ):
            yield {**head, **row, **_against(phi, exact, ranking)}


Found = Iterator[tuple[dict[str, Any], NDArray[np.float64]]]


def _alpha_row(search: Path) -> Found:
    """softmax(α), minus the weight of `none` on the same edge, so that `none` counts as zero."""
    alpha = read_arrays(search / "strength.npz", whole=["alpha_history"])["alpha_history"][-1]
    if alpha.any():
        weights = softmax(alpha.reshape(SHAPE))
        row = {"batch_norm": "", "reading": "softmax of alpha itself"}
        yield row, (weights - weights[:, :1])[:, 1:].ravel()


def _walk_rows(study: Study, results: Path, supernet: str, ranking: Ranking) -> Found:
    """The tau of each walk, and φ of all walks, for each batch-norm policy and reading."""
    by_policy: dict[str, list[Walks]] = defaultdict(list)
    for name in study.walks:
        policy = walk_job(study, name).value["batch_norm"]
        by_policy[policy].append(read_walk(study, results, supernet, name))
    for policy, walks in by_policy.items():
        facts = {
            "value_full": round(float(np.mean([w.value_full() for w in walks])), 3),
            "batch_norm": policy,
            "permutations": sum(len(w.orders) for w in walks),
        }
        for reading in READINGS if policy == "batch" else [*READINGS][:1]:
            how = READINGS[reading]
            taus = [ranking.against(w.phi(**how))["table_tau"] for w in walks]
            alone = " / ".join(f"{tau:.2f}" for tau in taus)
            row = {**facts, "reading": reading, "table_tau_halves": alone}
            yield row, together(walks).phi(**how)


def _estimate_rows(study: Study, results: Path, supernet: str) -> Found:
    """A row and φ for each variant estimated only once."""
    for name, repeats in estimates(study, results, supernet).items():
        if len(repeats) == 1:
            title = study.estimates.variants[name].title or name
            yield {"batch_norm": "batch", "reading": title}, phi_of(repeats[0])


def _against(
    phi: NDArray[np.float64], exact: NDArray[np.float64], ranking: Ranking
) -> dict[str, Any]:
    """Agreement with the table's Shapley values and accuracies; None if all φ are NaN."""
    if np.isnan(phi).all():
        return dict.fromkeys(("phi_tau", "phi_r", "table_tau", "found_accuracy"))
    values, accuracies = with_reference(phi, exact), ranking.against(phi)
    return {
        "phi_tau": round(values["tau"], 3),
        "phi_r": round(values["r"], 3),
        "table_tau": round(accuracies["table_tau"], 3),
        "found_accuracy": round(accuracies["found_accuracy"], 2),
    }
