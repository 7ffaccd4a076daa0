"""Walk, estimate and summarise: the stages of the studies in `config/studies/`."""
# Tested in tests/studies/test_studies.py.

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline import files
from pipeline.config.studies import EstimateJob, SummaryJob, WalkJob
from pipeline.files import replacing
from pipeline.stages.stage import stage
from pipeline.stages.supernets import opened
from pipeline.studies import summary
from pipeline.studies.estimates import estimate
from pipeline.studies.walks import walk


def run_walk(job: WalkJob, *opening: Any) -> None:
    """Write `walks.npz`: random permutations, and the values of all value functions along them.

    `opening` are the arguments of `opened` that follow `seed`.
    """
    with opened("walk", job, job.seed, *opening) as (s, on):
        found = walk(job, on.network, on.alpha, on.images, s.state / "walk.pt", on.identity)
        with replacing(s.out / "walks.npz") as temporary:
            np.savez(temporary, V=found.V, orders=found.orders)
        n = len(found.orders)
        s.log(f"{n} permutations; accuracy of all operations {found.value_full():.4f}")
        s.finish({"permutations": n, "value_full": found.value_full()})


def run_estimate(job: EstimateJob, *opening: Any) -> None:
    """Write `estimates.json`: the Shapley values, cost and time of each variant of an estimator.

    `opening` are the arguments of `opened` that follow `seed`.
    """
    with opened("estimate", job, job.seed, *opening) as (s, on):
        kept = s.state / "estimate.pt"
        found = estimate(job, on.network, on.alpha, on.images, kept, on.identity)
        files.write_json(s.out / "estimates.json", found)
        for name, run in found.items():
            s.log(f"{name}: {run['evaluations']} evaluations, {run['seconds']:.1f} s")
        totals = ("evaluations", "image_forwards")
        s.finish({key: sum(run[key] for run in found.values()) for key in totals})


def run_summary(job: SummaryJob, results: Path, table: Path | None, out: Path) -> None:
    """Write each measurement of the study to `measurements/NAME.json`.

    `table` is a NAS-Bench-201 table with accuracies on the study's data set.

    Raises:
        InputError: a measurement needs the table, and there is none.
    """
    with stage("summarise", out, job, job.study.seed) as s:
        rows = {}
        for name, content in summary.measurements(job, results, table):
            files.write_json(out / "measurements" / f"{name}.json", content)
            rows[f"{name}_rows"] = len(content["rows"])
        s.finish(rows)
