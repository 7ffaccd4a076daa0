"""Strategies compared over seeds: mean, deviation, interval, and paired differences.

One row a (space, data set, strategy, target, metric); rows with `versus` are differences of two
strategies, strategy minus versus, over the seeds that both have. Units: `measures.py`.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.analysis import measures, runs
from pipeline.analysis.intervals import paired_difference, summarise
from pipeline.analysis.measures import Measure, by_seed
from pipeline.analysis.runs import FinishedRun

COLUMNS = (
    "space",
    "dataset",
    "target",
    "metric",
    "unit",
    "strategy",
    "versus",
    "n",
    "mean",
    "deviation",
    "low",
    "high",
)


def render(results: Path, form: str = "text") -> str:
    """The comparison as text, CSV or JSON.

    Args:
        results: `results/{preset}`.
        form: "text", "csv" or "json".

    Raises:
        InputError: `results` is no folder, or a file of a run is broken.
    """
    rows = list(compare(runs.collect(results)))
    if form == "json":
        return json.dumps(rows, indent=2)
    if form == "csv":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return stream.getvalue().rstrip("\n")
    return _as_text(rows)


def compare(found: Sequence[FinishedRun]) -> Iterator[dict[str, Any]]:
    """The rows: of each measure all strategies, then all pairs of them."""
    for space, dataset in dict.fromkeys((run.space, run.dataset) for run in found):
        own = [run for run in found if (run.space, run.dataset) == (space, dataset)]
        strategies = list(dict.fromkeys(run.strategy for run in own))
        searched = {run.strategy for run in own if run.searched}
        for measure in _measures(own):
            head = {
                "space": space,
                "dataset": dataset,
                "target": measure.target or "",
                "metric": f"{measure.stage}_{measure.key}",
                "unit": measure.unit,
            }
            values = {
                name: by_seed(measure, [run for run in own if run.strategy == name])
                for name in strategies
            }
            values = {name: by for name, by in values.items() if by}
            for name, by in values.items():
                yield {**head, "strategy": name, "versus": "", **summarise(by.values()).numbers()}
            # A genotype from elsewhere has no search seed to be paired by.
            for a, b in itertools.combinations([n for n in values if n in searched], 2):
                difference = paired_difference(values[a], values[b])
                if difference:
                    yield {**head, "strategy": a, "versus": b, **difference.numbers()}


def _measures(own: Sequence[FinishedRun]) -> list[Measure]:
    """What is compared: trained networks, places in the table, size, cost of the search."""
    targets = dict.fromkeys(run.target for run in own if run.target is not None)
    columns = measures.ranked_columns(own)
    return [
        *(measures.test_error(target) for target in targets),
        *(kind(c) for c in columns for kind in (measures.table_column, measures.rank)),
        measures.params(),
        measures.seconds("search", own),
    ]


def _as_text(rows: Sequence[dict[str, Any]]) -> str:
    """Aligned columns, and what the interval is."""
    if not rows:
        return "no runs"
    lines = [list(COLUMNS), *([_text(row[column]) for column in COLUMNS] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    is_number = [column in ("n", "mean", "deviation", "low", "high") for column in COLUMNS]
    aligned = [
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, is_number, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*aligned, "low, high: 95 % t interval over n seeds"])


def _text(value: Any) -> str:
    if value is None or value == "":
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
