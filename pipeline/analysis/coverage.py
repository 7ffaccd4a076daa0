"""Simulates how often a confidence interval covers the true mean of accuracies from a table.

A run of the stage `queries` has one NAS-Bench-201 accuracy for each of many seeds. Their mean
counts as the true mean. We draw samples of n accuracies with replacement, and compute two intervals
for each sample: a t interval and a bounded interval (`intervals.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.analysis import measures
from pipeline.analysis.intervals import Summary, summarise
from pipeline.analysis.measurement import made_by
from pipeline.analysis.measures import by_seed
from pipeline.analysis.runs import FinishedRun
from pipeline.errors import InputError

SIZES = {4: 500, 500: 100}  # seeds -> draws


def coverage(runs: Sequence[FinishedRun], column: str) -> list[dict[str, Any]]:
    """Coverage and median width: a row for each run, sample size and kind of interval.

    Args:
        runs: only runs of the stage `queries` are used.
        column: accuracy column of the NAS-Bench-201 table, in percent.

    Raises:
        InputError: no run of `queries` has this column.
    """
    measure = measures.table_column(column)
    looked_up = [run for run in runs if run.stage == "queries" and by_seed(measure, [run])]
    if not looked_up:
        raise InputError(f"coverage: no run of many seeds has the column {column}; run table5")
    return [
        row
        for run in looked_up
        for n, draws in SIZES.items()
        for row in _simulate(run, measure, n, draws)
    ]


def measurement(runs: Sequence[FinishedRun], column: str, command: str) -> dict[str, Any]:
    """The coverage as a measurement for the docs."""
    rows = coverage(runs, column)
    records = [run.provenance for run in runs if run.stage == "queries"]
    return {
        "title": "How often an interval over seeds covers the mean",
        "question": "Accuracies from a table take only a few values near a maximum. Does a 95 % "
        "interval of their mean contain the true mean in 95 of 100 samples of seeds?",
        "command": command,
        **made_by(records),
        "seeds": f"{runs[0].repeats} of each strategy, from which n are drawn with replacement",
        "columns": {
            "strategy": "Strategy",
            "n": "Seeds n",
            "interval": "Interval",
            "covers_percent": "Covers (%)",
            "width": "Median width (points)",
        },
        "rows": rows,
        "notes": [
            f"The accuracies are those of `{column}`. We drew {SIZES[4]} samples of 4 seeds and "
            f"{SIZES[500]} samples of 500 seeds. The bounded interval assumes that the cell of a "
            "search is at least as good as the table's median architecture.",
            "This assumption is wrong for `random`, which draws one cell uniformly. With four "
            "seeds, all four cells are above the median in one of sixteen samples, and then the "
            "bounded interval is too narrow.",
        ],
        "does_not_show": [
            "The coverage of intervals for the errors of trained networks. Those are t intervals."
        ],
    }


def _simulate(
    run: FinishedRun, measure: measures.Measure, n: int, draws: int
) -> list[dict[str, Any]]:
    values = np.array([*by_seed(measure, [run]).values()])
    mean = float(values.mean())
    generator = np.random.default_rng(0)
    samples = [generator.choice(values, n) for _ in range(draws)]
    kinds = {
        "t": [summarise(sample) for sample in samples],
        "bounded": [summarise(s, measures.bounds(measure, [run], s.tolist())) for s in samples],
    }
    return [
        {"strategy": run.strategy, "n": n, "interval": kind, **_rate(summaries, mean)}
        for kind, summaries in kinds.items()
    ]


def _rate(summaries: Sequence[Summary], mean: float) -> dict[str, float]:
    ends = np.array([(summary.low, summary.high) for summary in summaries])
    # The mean over equal seeds has a rounding error.
    covers = (ends[:, 0] <= mean + 1e-9) & (mean - 1e-9 <= ends[:, 1])
    return {
        "covers_percent": round(100 * float(covers.mean()), 1),
        "width": round(float(np.median(ends[:, 1] - ends[:, 0])), 4),
    }
