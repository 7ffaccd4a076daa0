"""Runs a search that takes only seconds with many seeds in one process.

`history.csv` has one row per seed, with the accuracies of the found cell. If the search trains a
supernet, the row also has Kendall's tau between the scores and the accuracies of all cells. The
score of a cell is the mean softmax weight of its operations after the last epoch.
"""
# Tested in tests/stages/test_looks.py.

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import devices, registry
from pipeline.analysis.intervals import summarise
from pipeline.config.jobs import SearchJob
from pipeline.errors import InputError
from pipeline.nasbench import Table
from pipeline.stages.query import MISSING, source
from pipeline.stages.ranking import by_epoch, over_epochs
from pipeline.stages.search import make_strategy, open_halves
from pipeline.stages.stage import stage
from pipeline.strategies.contract import Inputs
from pipeline.training import checkpoint

Halves = tuple[Any, Any]  # images for weights and value; None for table searches


def run(
    job: SearchJob,
    n: int,
    dataset: str,
    table: Path | None,
    out: Path,
    manifest: Mapping[str, Any] | None = None,
    split: Path | None = None,
    data_root: Path = Path(),
    device: str = "auto",
) -> None:
    """Search with seeds 0 to n - 1 and look up each found cell.

    `table` has the accuracies of all cells. If a supernet is trained, `manifest`, `split` and
    `data_root` are needed, and a stopped run continues after the last finished seed.

    Raises:
        InputError: there is no table, the table lacks the data set, or images are missing.
    """
    if table is None:
        raise InputError(MISSING.format("queries"))
    torch_device = devices.resolve(device)
    rows = Table.load(table)
    known = source(rows)
    with stage("queries", out, job, device=torch_device.type, data=manifest or known) as s:
        halves = images_of(job, manifest, split, data_root, str(torch_device))
        path = s.state / "queries.pt"
        identity = {"n": n, "table": known, "data": manifest, **job.model_dump(mode="json")}
        cells: list[dict[str, Any]] = (checkpoint.load(path, identity) or {"rows": []})["rows"]
        for seed in range(len(cells), n):
            cells.append(search(job, seed, dataset, rows, halves, torch_device))
            if manifest:
                checkpoint.save(path, {"rows": cells}, identity)
                s.log(f"seed {seed}, {seed + 1} of {n} done")
        metrics: dict[str, Any] = {"algorithm": job.algorithm, "n_seeds": n, **rows.limits()}
        for column in rows.accuracies:
            summary = summarise(row[column] for row in cells)
            metrics |= {f"{column}_mean": summary.mean, f"{column}_std": summary.deviation}
        s.finish(metrics, cells)


def images_of(
    job: SearchJob, manifest: Mapping[str, Any] | None, split: Path | None, root: Path, device: str
) -> Halves:
    """Images for the weights and for V; (None, None) without a supernet.

    Raises:
        InputError: a supernet is trained, but the manifest or the split is missing.
    """
    if not registry.entry("strategies", job.algorithm).trains_supernet:
        return None, None
    if manifest is None or split is None:
        raise InputError(f"queries: {job.algorithm} trains a supernet; give --manifest")
    return open_halves(job.search, manifest, split, root, device)


def search(
    job: SearchJob,
    seed: int,
    dataset: str,
    table: Table,
    halves: Halves = (None, None),
    device: Any = "cpu",
) -> dict[str, Any]:
    """Run one search; return the row of its cell as numbers."""
    classes = halves[0].classes if halves[0] is not None else 0
    strategy = make_strategy(job, classes, seed, device)
    strategy.prepare(Inputs(dataset, lambda: table))
    strengths = []
    for epoch in range(strategy.n_epochs):
        strategy.epoch(epoch, *halves)
        strengths.append(np.asarray(strategy.strength()))
    may_win = job.search.supernet.none_may_win
    genotype = strategy.space.genotype_from(np.asarray(strategy.strength()), may_win)
    row = table.query(table.index_of(genotype.to_arch_string()))
    names = [f"{kind}{column}" for column in table.accuracies for kind in ("", "rank_", "regret_")]
    answer = {"seed": seed, "index": row["index"], **{name: row[name] for name in names}}
    if halves[0] is None:
        return answer
    return answer | over_epochs(by_epoch(table, np.stack(strengths), may_win))
