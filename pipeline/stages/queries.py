"""Many seeds of a strategy that trains nothing, in one process: what Table 5's rows are over.

A search of the table is a hundred look-ups, so that hundreds of seeds take seconds where a job each
would take an hour. `history.csv` has one row a seed: what the table says of the cell found.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline import registry
from pipeline.analysis.intervals import summarise
from pipeline.config.jobs import SearchJob
from pipeline.errors import InputError
from pipeline.nasbench import Table
from pipeline.stages.query import MISSING, source
from pipeline.stages.search import make_strategy
from pipeline.stages.stage import stage
from pipeline.strategies.table_search import TableSearch


def run(job: SearchJob, n: int, dataset: str, table: Path | None, out: Path) -> None:
    """Search under seeds 0 to n - 1 and look each cell up.

    Args:
        job: of the search; its strategy trains no supernet.
        n: seeds.
        dataset: whose validation accuracies are searched.
        table: where they stand.
        out: folder of the results.

    Raises:
        InputError: there is no table, the data set is not in it, or the strategy trains.
    """
    if table is None:
        raise InputError(MISSING.format("queries"))
    with stage("queries", out, job, data=source(table)) as s:
        rows = Table.load(table)
        found = [search(job, seed, dataset, rows) for seed in range(n)]
        metrics: dict[str, Any] = {"algorithm": job.algorithm, "n_seeds": n}
        for column in rows.accuracies:
            summary = summarise(row[column] for row in found)
            metrics |= {f"{column}_mean": summary.mean, f"{column}_std": summary.deviation}
        s.finish(metrics, found)


def search(job: SearchJob, seed: int, dataset: str, table: Table) -> dict[str, Any]:
    """One search; the row of its cell, numbers only."""
    if registry.entry("strategies", job.algorithm).trains_supernet:
        raise InputError(f"queries: {job.algorithm} trains a supernet; run it by `search`")
    strategy = make_strategy(job, classes=0, seed=seed, where="cpu")
    if isinstance(strategy, TableSearch):
        strategy.open_table(table, dataset)
    for epoch in range(strategy.n_epochs):
        strategy.epoch(epoch, None, None)  # type: ignore[arg-type]  # it looks at no image
    may_win = job.search.supernet.none_may_win
    genotype = strategy.space.genotype_from(np.asarray(strategy.strength()), may_win)
    row = table.query(table.index_of(genotype.to_arch_string()))
    names = [f"{kind}{column}" for column in table.accuracies for kind in ("", "rank_", "regret_")]
    return {"seed": seed, "index": row["index"], **{name: row[name] for name in names}}
