"""Comparisons as text for a terminal, CSV or JSON."""
# Tested in tests/analysis/test_compare.py.

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as TextTable

from pipeline import provenance
from pipeline.analysis import answer, apart, runs
from pipeline.analysis.compare import Comparison, Side, compare_runs, compare_strategies
from pipeline.analysis.intervals import Summary
from pipeline.analysis.measures import Measure
from pipeline.config.jobs import ReportJob
from pipeline.files import csv_text

WIDTH = 160  # columns if there is no terminal
SCREEN = 80  # for tables of a folder, whose cells wrap
INTERVALS = "± or brackets: 95 % interval over n seeds, if there are three or more"


def render_folder(results: Path, form: str = "text") -> str:
    """Compare the strategies of a results folder, as "text", "csv" or "json".

    Raises:
        InputError: `results` is not a folder, or a file of a run is broken.
    """
    kept = apart.as_planned(runs.collect(results), apart.planned_in(results))
    comparisons = list(compare_strategies(kept))
    rows = [row for comparison in comparisons for row in comparison.rows]
    if form == "json":
        return json.dumps(rows, indent=2)
    if form == "csv":
        return csv_text(rows).rstrip("\n")
    if not rows:
        return "no runs"
    stream, console = _console(SCREEN)
    for comparison in comparisons:
        console.print(
            f"{comparison.space}, searched on {comparison.dataset}", markup=False, highlight=False
        )
        console.print(_matrix(comparison))
        for same in comparison.same_cells:
            names = ", ".join(f"{run.strategy} seed {run.seed}" for run in same)
            console.print(f"same cell: {names}")
    console.print(INTERVALS)
    console.print("paired differences: --format csv")
    digest = provenance.source_digest()
    others = [run for run in kept if apart.changed_since(run, digest)]
    if others:
        console.print(f"made by other code: {apart.names(others)}")
    return stream.getvalue().rstrip()


def _matrix(comparison: Comparison) -> TextTable:
    """A table of methods and metrics, without metrics on validation images."""
    shown = [m for m in comparison.measures if not m.key.endswith("_valid")]
    titles = ["seeds", *(f"{m.title} ({m.unit})" if m.unit else m.title for m in shown)]
    rows = []
    for label, by in comparison.values.items():
        n = max((summary.n for summary in by.values()), default=0)
        rows.append([label, str(n), *(_cell(m, by.get(m), n) for m in shown)])
    return _table("method", titles, rows)


def _cell(measure: Measure, summary: Summary | None, n: int) -> str:
    """A value as text, with its number of seeds if this differs from `n`."""
    if summary is None:
        return "-"
    words = summary.words(measure.decimals)
    return words if summary.n == n else f"{words} (n = {summary.n})"


def render_runs(sides: Sequence[Side], form: str, address: str | None, note: str = "") -> str:
    """A comparison of runs, as "text" or "json".

    `address` is the address of MLflow's comparison. The text has `note` before the address.
    """
    comparison = {**compare_runs(sides), "mlflow": address}
    if form == "json":
        return json.dumps(comparison, indent=2)
    stream, console = _console()
    letters = [chr(ord("A") + i) if i < 26 else str(i) for i in range(len(sides))]
    for letter, side in zip(letters, sides, strict=True):
        seeds = f"  ({len(side.runs)} runs)" if len(side.runs) > 1 else ""
        console.print(f"{letter}  {side.name}{seeds}")
    config = [
        [row["key"], *(value or "-" for value in row["values"])] for row in comparison["config"]
    ]
    console.print(_table("configuration", letters, config or [["no difference"]]))
    if comparison["same_cells"]:
        console.print("same cells")
    metrics = [[row["metric"], *_cells(row, len(sides))] for row in comparison["metrics"]]
    columns = [*letters, *(["A - B"] if len(sides) == 2 else [])]
    console.print(_table("metric", columns, metrics or [["none"]]))
    for line in dict.fromkeys(_pairs(row.get("difference")) for row in comparison["metrics"]):
        if line:
            console.print(line)
    console.print(INTERVALS)
    if address:
        console.print(f"MLflow{note}: ", end="")
        stream.write(address + "\n")  # never wrapped, even on a narrow terminal
    return stream.getvalue().rstrip()


def render_tables(job: ReportJob, results: Path) -> str:
    """For each experiment, a table of test results and a sentence that compares the methods.

    Raises:
        InputError: `results` is not a folder, or a file of a run is broken.
    """
    stream, console = _console(SCREEN)
    for summary in answer.summarised(job, results):
        console.print(summary.title)
        console.print(_table(summary.columns[0], summary.columns[1:], summary.rows))
        console.print(summary.sentence)
    return stream.getvalue().rstrip()


def _cells(row: Mapping[str, Any], n_sides: int) -> list[str]:
    """The values of each side, then the difference of two."""
    cells = []
    for value, failed in zip(row["values"], row["failed"], strict=True):
        words = [] if value is None else [f"{value['text']} (n = {value['n']})"]
        words += [f"{failed} failed"] if failed else []
        cells.append(", ".join(words) or "-")
    gap = row.get("difference")
    return [*cells, *([gap["text"] if gap else "-"] if n_sides == 2 else [])]


def _pairs(gap: Mapping[str, Any] | None) -> str:
    """Whether a difference is paired, and over which seeds."""
    if gap is None:
        return ""
    if not gap["paired"]:
        return "A - B: not paired (no seeds of one kind in common); difference of the means"
    return f"A - B: paired over {gap['over']} {', '.join(map(str, gap['seeds']))}"


def _table(first: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> TextTable:
    table = TextTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (first, *columns):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row, *("" for _ in range(len(columns) + 1 - len(row))))
    return table


def _console(width: int = WIDTH) -> tuple[io.StringIO, Console]:
    terminal = Console()
    stream, width = io.StringIO(), terminal.width if terminal.is_terminal else width
    return stream, Console(file=stream, width=width, markup=False, highlight=False)
