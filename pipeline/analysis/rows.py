"""An experiment's table as plain rows for MLflow, CSV and other programs.

`row`, `space`, `dataset` and `strategy` identify a row; `stands_for` names a larger data set of the
paper. `<stage>[/<target>]/<metric>` is the mean over seeds. With a suffix it is an end of the 95 %
interval (`_low`, `_high`), the number of seeds (`_n`) or the mean printed in the paper (`_paper`).
As in `metrics.json`, accuracies are fractions, but those from the NAS-Bench-201 table are percent.
"""
# Tested in tests/tracking/test_tables.py.

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.analysis import runs
from pipeline.analysis import tables as result_tables
from pipeline.analysis.evidence import Evidence
from pipeline.analysis.measures import Measure
from pipeline.analysis.tables import Cell
from pipeline.config.experiments import Row
from pipeline.config.jobs import ReportJob


def tables(job: ReportJob, results: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of each experiment whose table is complete, by name of the experiment.

    A table is complete if each row has a result of ours; rows that only quote the paper do not
    count. Parts of other tables may be filled, because experiments share runs.

    Raises:
        InputError: `results` is not a folder, or a file of a run is broken.
    """
    evidence = Evidence.of(job, runs.collect(results))
    complete = {}
    for experiment in job.experiments:
        rows: dict[tuple[str, ...], dict[str, Any]] = {}
        waiting: set[tuple[str, ...]] = set()
        there: set[tuple[str, ...]] = set()
        for part in result_tables.parts(experiment, evidence):
            for line in (line for table in part.tables for line in table.lines):
                head = _head(line.row, part.dataset, line.cells[0].paper_dataset)
                row = rows.setdefault((*head.values(),), head)
                for cell in line.cells:
                    row.update(_numbers(cell))
                    if cell.applies:
                        (there if cell.ours else waiting).add((*head.values(),))
        if there and waiting <= there:
            complete[experiment.name] = list(rows.values())
    return complete


def _head(row: Row, dataset: str, stands_for: str) -> dict[str, Any]:
    head = {"row": row.label, "space": row.space, "dataset": dataset, "strategy": row.strategy}
    return {**head, "stands_for": stands_for} if stands_for else head


def _numbers(cell: Cell) -> dict[str, float]:
    name, scale = column(cell.measure), cell.measure.scale
    values: dict[str, float | None] = {}
    if cell.ours:
        ours = cell.ours
        values = {"": ours.mean / scale, "_n": ours.n}
        if ours.low is not None and ours.high is not None:
            values |= {"_low": ours.low / scale, "_high": ours.high / scale}
    if cell.paper:
        values["_paper"] = cell.paper.mean / scale
    return {f"{name}{suffix}": value for suffix, value in values.items() if value is not None}


def column(measure: Measure) -> str:
    """The name of a column: stage, target of a training, key in `metrics.json`."""
    return "/".join(part for part in (measure.stage, measure.target, measure.key) if part)
