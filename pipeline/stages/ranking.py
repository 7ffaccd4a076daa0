"""Ranking: does the mean strength of an architecture's operations rank it as the benchmark does?

Figure 5 of Shapley-NAS (Xiao et al., CVPR 2022, section 4.5): Kendall's tau of strength and test
accuracy over 200 architectures drawn from NAS-Bench-201. Chosen where the paper leaves it open:

    strength of an architecture    mean over the six edges of the softmax weight, among the five
                                   operations of the edge, of the one that it has; the softmax is
                                   of what the search chooses by (alpha, in DARTS and Shapley-NAS)
    the draw                       uniform, without replacement, `none` included, and the same for
                                   all searches

Beside it: tau over all 15,625; tau of the mean of alpha itself; and what scores that add up over
edges reach when they know the table, by its main effects and by those of its ranks (see
`nasbench/additive.py`). Intervals are percentile bootstraps over architectures: they say nothing of
how searches differ, which several seeds tell.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import files, seeds
from pipeline.config.jobs import RankingJob
from pipeline.config.looks import RankingSettings
from pipeline.errors import InputError
from pipeline.nasbench import Table
from pipeline.nasbench.additive import (
    SHAPE,
    bootstrap,
    kendall,
    main_effects,
    ranks,
    scores,
    softmax,
)
from pipeline.nasbench.table import CODE
from pipeline.stages.query import MISSING, source
from pipeline.stages.stage import stage


def run(job: RankingJob, strength: Path, dataset: str, table: Path | None, out: Path) -> None:
    """Write `metrics.json` and `sample.csv`, the drawn architectures.

    Args:
        job: size of the draw and of the bootstrap.
        strength: `strength.npz` of a search.
        dataset: whose test accuracies rank.
        table: where they stand.
        out: folder of the results.

    Raises:
        InputError: there is no table, the data set is not in it, or the strength is not one of
            NAS-Bench-201 with `none`.
    """
    if table is None:
        raise InputError(MISSING.format("ranking"))
    alpha = files.read_arrays(strength)["strength"]
    if alpha.shape != (SHAPE[0] * SHAPE[1],):
        raise InputError(f"{strength}: {alpha.size} players; the table's cells have 6 x 5")
    with stage("ranking", out, job, data=source(table)) as s:
        metrics, sample = rank(Table.load(table), f"{dataset}_test", alpha, job.ranking)
        files.write_csv(out / "sample.csv", sample)
        s.log(f"tau {metrics['tau_sample']:.3f} over the draw, {metrics['tau_all']:.3f} over all")
        s.finish(metrics, artifacts=[out / "sample.csv"])


def rank(
    table: Table, column: str, alpha: NDArray[np.float64], settings: RankingSettings
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Taus with their intervals, and the drawn architectures by index."""
    codes, accuracy = np.asarray(table.rows[CODE]), table.column(column)
    score = scores(codes, softmax(alpha))
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
