"""Simulates how often an interval of looked-up accuracies covers the true mean.

The mean over all seeds of a run of `queries` counts as the true mean. From its seeds, n are drawn
repeatedly with replacement. For each draw the t interval and the bounded interval are computed
(`intervals.py`). A 95 % interval should cover the mean in at least 95 of 100 draws.
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
    """Coverage and median width for each run of `queries`, number of seeds and interval.

    Args:
        runs: only those of `queries` are used.
        column: column of the table, in percent.

    Raises:
        InputError: no run of `queries` has this column.
    """
    measure = measures.table_column(column)
    own = [run for run in runs if run.stage == "queries" and by_seed(measure, [run])]
    if not own:
        raise InputError(f"coverage: no run of many seeds has the column {column}; run table5")
    return [
        row
        for run in own
        for n, draws in SIZES.items()
        for row in _simulate(run, measure, n, draws)
    ]


def measurement(runs: Sequence[FinishedRun], column: str, command: str) -> dict[str, Any]:
    """The coverage as a measurement for the docs."""
    rows = coverage(runs, column)
    records = [run.provenance for run in runs if run.stage == "queries"]
    return {
        "title": "How often an interval over seeds covers the mean",
        "question": "Accuracies that are looked up are few values near a maximum. Does a 95 % "
        "interval of their mean cover it in 95 of 100 samples of seeds?",
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
            f"{column}; {SIZES[4]} samples of 4 seeds, {SIZES[500]} of 500. The bounded interval "
            "takes a search to find no worse a cell than the table's median architecture.",
            "One uniform draw is no search: four of its draws are all above the median once in "
            "sixteen times, and then the bounded interval is too narrow.",
        ],
        "does_not_show": ["What holds for errors that are trained; they have the t interval."],
    }


def _simulate(
    run: FinishedRun, measure: measures.Measure, n: int, draws: int
) -> list[dict[str, Any]]:
    values = np.array([*by_seed(measure, [run]).values()])
    generator = np.random.default_rng(0)
    samples = [generator.choice(values, n) for _ in range(draws)]
    kinds = {
        "t": [summarise(sample) for sample in samples],
        "bounded": [summarise(s, measures.bounds(measure, [run], s.tolist())) for s in samples],
    }
    return [
        {"strategy": run.strategy, "n": n, "interval": kind, **_rate(found, float(values.mean()))}
        for kind, found in kinds.items()
    ]


def _rate(found: Sequence[Summary], mean: float) -> dict[str, float]:
    ends = np.array([(one.low, one.high) for one in found])
    # The mean over equal seeds has a rounding error.
    covers = (ends[:, 0] <= mean + 1e-9) & (mean - 1e-9 <= ends[:, 1])
    return {
        "covers_percent": round(100 * float(covers.mean()), 1),
        "width": round(float(np.median(ends[:, 1] - ends[:, 0])), 4),
    }
