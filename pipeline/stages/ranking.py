"""Ranking: whether architectures with stronger operations have a higher accuracy.

Figure 5 of Shapley-NAS (Xiao et al., CVPR 2022, section 4.5) shows Kendall's tau between the
strength and the test accuracy of 200 architectures of NAS-Bench-201. The paper leaves these points
open; our choices are:

    strength of an architecture    mean of the softmax weights of its six operations. On each edge,
                                   the softmax is taken over the values by which the search chooses
                                   among the five operations (alpha in Shapley-NAS)
    the 200 architectures          drawn uniformly without replacement from all architectures,
                                   including those with `none`; all searches use the same 200

The stage also computes tau over all architectures. For comparison, it computes tau for the mean of
alpha without softmax, and for two sums of main effects of the table (`nasbench/additive.py`).
Intervals of tau are percentile bootstraps over architectures. They do not include the variation
between searches.
"""
# Tested in tests/stages/test_looks.py.

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import files, registry, seeds
from pipeline.config.jobs import RankingJob
from pipeline.config.looks import RankingSettings
from pipeline.config.recipes import SupernetSettings
from pipeline.errors import InputError
from pipeline.nasbench import Table
from pipeline.nasbench.additive import (
    SHAPE,
    bootstrap,
    kendall,
    main_effects,
    ranks,
    scores,
)
from pipeline.nasbench.table import CODE
from pipeline.spaces.space import softmax
from pipeline.stages.query import MISSING, source
from pipeline.stages.stage import stage


def run(job: RankingJob, strength: Path, dataset: str, table: Path | None, out: Path) -> None:
    """Write `metrics.json`, `sample.csv` (the drawn architectures) and `history.csv` (by epoch).

    `strength` is the file `strength.npz` of a search.

    Raises:
        InputError: there is no table, the table does not have the data set, or the space of
            the search was not NAS-Bench-201 with all five operations.
    """
    if table is None:
        raise InputError(MISSING.format("ranking"))
    saved = files.read_arrays(strength, whole=["strength"])
    alpha = saved["strength"]
    if alpha.shape != (SHAPE[0] * SHAPE[1],):
        raise InputError(f"{strength}: {alpha.size} players; the table's cells have 6 x 5")
    rows = Table.load(table)
    with stage("ranking", out, job, data=source(rows)) as s:
        metrics, sample = rank(rows, f"{dataset}_test", alpha, job.ranking)
        files.write_csv(out / "sample.csv", sample)
        history = by_epoch(rows, saved.get("strength_history", alpha[None]), job.none_may_win)
        metrics |= over_epochs(history) | phi_sum(saved)
        s.log(f"tau {metrics['tau_sample']:.3f} over the draw, {metrics['tau_all']:.3f} over all")
        s.finish(metrics, history, artifacts=[out / "sample.csv"])


def rank(
    table: Table, column: str, alpha: NDArray[np.float64], settings: RankingSettings
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Taus with their intervals, and the drawn architectures by index."""
    codes, accuracy = np.asarray(table.rows[CODE]), table.column(column)
    score = scores(codes, softmax(alpha.reshape(SHAPE)))
    raw = scores(codes, alpha.reshape(SHAPE))
    main, by_rank = (scores(codes, main_effects(codes, y)) for y in (accuracy, ranks(accuracy)))
    rng = seeds.numpy_generator(settings.sample_seed, "ranking")
    drawn = np.sort(rng.choice(len(codes), settings.sample, replace=False))
    metrics: dict[str, Any] = {"column": column, "n_sample": settings.sample, "n_all": len(codes)}
    for name, which in (("sample", drawn), ("all", np.arange(len(codes)))):
        y = accuracy[which]
        boot = seeds.numpy_generator(settings.sample_seed, "bootstrap", name)
        low, high = bootstrap(kendall, score[which], y, boot, settings.bootstrap)
        metrics |= {
            f"tau_{name}": kendall(score[which], y),
            f"tau_{name}_low": low,
            f"tau_{name}_high": high,
            f"tau_alpha_{name}": kendall(raw[which], y),
            f"main_effects_{name}": kendall(main[which], y),
            f"rank_effects_{name}": kendall(by_rank[which], y),
        }
    sample = [
        {"index": int(i), "arch": table.arch(i), "strength": score[i], "accuracy": accuracy[i]}
        for i in drawn
    ]
    return metrics, sample


def by_epoch(
    table: Table, strengths: NDArray[np.float64], none_may_win: bool
) -> list[dict[str, Any]]:
    """For each epoch, the cell that the search would return, and Kendall's tau over all cells.

    Args:
        table: the accuracies.
        strengths: float64[epochs, 30], strengths of all operations after each epoch.
        none_may_win: whether `none` may be chosen.

    Returns:
        a row per epoch: index of the cell, `moved` (whether the strengths differ from those of the
        first epoch) and, for each data set, the cell's test accuracy and `tau_<column>`.
    """
    space = registry.get("spaces", "nasbench201")(SupernetSettings(include_none=True))
    codes = np.asarray(table.rows[CODE])
    columns = [name for name in table.accuracies if name.endswith("_test")]
    found = []
    for epoch, alpha in enumerate(strengths):
        arch = space.genotype_from(alpha, none_may_win).to_arch_string()
        index, score = table.index_of(arch), scores(codes, softmax(alpha.reshape(SHAPE)))
        row = {"epoch": epoch, "moved": int((alpha != strengths[0]).any()), "index": index}
        accuracies = {name: float(table.column(name)[index]) for name in columns}
        taus = {f"tau_{name}": kendall(score, table.column(name)) for name in columns}
        found.append({**row, **accuracies, **taus})
    return found


def over_epochs(history: list[dict[str, Any]]) -> dict[str, Any]:
    """Kendall's taus of the last epoch, and how the cell changed over the epochs.

    `changes` counts the epochs whose cell differs from that of the epoch before. `changes`,
    `lowest_<column>` and `highest_<column>` ignore epochs with the strengths of the first epoch.
    """
    moved = [row for row in history if row["moved"]] or history[-1:]
    changes = sum(a["index"] != b["index"] for a, b in itertools.pairwise(moved))
    columns = [key for key in history[-1] if key.endswith("_test") and not key.startswith("tau_")]
    ends = {"lowest": min, "highest": max}
    return {
        **{key: value for key, value in history[-1].items() if key.startswith("tau_")},
        "changes": changes,
        **{f"{n}_{c}": end(row[c] for row in moved) for n, end in ends.items() for c in columns},
    }


def phi_sum(saved: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
    """Sum of the Shapley values, averaged over epochs; empty if there are no Shapley values."""
    phi = saved.get("phi_history", np.empty((0, 0)))
    known = phi[~np.isnan(phi).all(axis=1)] if phi.size else phi
    return {"phi_sum": float(np.nansum(known, axis=1).mean())} if len(known) else {}
