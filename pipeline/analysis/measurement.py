"""An experiment's tables and figures as measurements, the small JSON files that the docs quote.

A mean over seeds is stored as {"mean", "std", "low", "high", "n"} in the unit of its column; `low`
and `high` are the ends of the 95 % interval (`intervals.py`). With fewer than three seeds, the
values are stored as {"values", "n"}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.analysis import apart, drawings, runs, tables
from pipeline.analysis.drawings import Drawn
from pipeline.analysis.evidence import Evidence, runs_of
from pipeline.analysis.intervals import Summary
from pipeline.analysis.runs import FinishedRun
from pipeline.analysis.tables import Cell, ResultTable
from pipeline.config.experiments import Experiment
from pipeline.config.jobs import ReportJob
from pipeline.errors import InputError

MOST_ROWS = 100  # a figure with more rows is left out
FIGURES = 4  # decimals


def measurements(
    job: ReportJob, results: Path, notes: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """File name -> measurement, for each table and figure of each experiment of the job.

    Raises:
        InputError: an experiment has no finished run.
    """
    everything = apart.as_planned(runs.collect(results), job.planned)
    evidence = Evidence.of(job, everything)
    by_file = {}
    for experiment in job.experiments:
        if not of_experiment(experiment, everything):
            raise InputError(f"{results}: no run of experiment {experiment.name}; run it first")
        every = [table for part in tables.parts(experiment, evidence) for table in part.tables]
        contents = [
            *(_measurement(experiment, table) for table in every),
            *(_figure(experiment, drawn) for drawn in drawings.draw(experiment, evidence, results)),
        ]
        for number, content in enumerate(filter(None, contents), start=1):
            name = f"{experiment.name}_{job.preset}_{number}.json"
            by_file[name] = {**content, **made(job, experiment, everything), "notes": [*notes]}
    return by_file


def _figure(experiment: Experiment, drawn: Drawn) -> dict[str, Any] | None:
    """A figure's numbers as a measurement; None without rows or with more than `MOST_ROWS`."""
    if not 0 < len(drawn.data) <= MOST_ROWS:
        return None
    keys = dict.fromkeys(key for row in drawn.data for key, value in row.items() if value != "")
    rows = [
        {key: round(v, FIGURES) if isinstance(v := row.get(key), float) else v for key in keys}
        for row in drawn.data
    ]
    return {
        "title": f"{experiment.title}. {drawn.caption}",
        "question": experiment.note,
        "columns": {key: key.replace("_", " ") for key in keys},
        "rows": rows,
        "does_not_show": list(experiment.does_not_show),
    }


def _three(value: Any) -> Any:
    """A float with three significant digits."""
    return float(f"{value:.3g}") if isinstance(value, float) else value


def of_experiment(experiment: Experiment, finished: Sequence[FinishedRun]) -> list[FinishedRun]:
    """The runs that the rows of an experiment show."""
    return [
        run
        for row in experiment.rows
        for dataset in row.datasets
        for run in runs_of(row, dataset, finished)
    ]


def made(job: ReportJob, experiment: Experiment, finished: Sequence[FinishedRun]) -> dict[str, Any]:
    """Command, commits, machines, date and seeds of an experiment's runs."""
    runs = of_experiment(experiment, finished)
    trainings = sorted({run.rseed for run in runs if run.rseed is not None})
    options = f" 'retrain_seeds={trainings}'" if len(trainings) > 1 else ""
    command = f"snakemake --cores all {experiment.name} --config preset={job.preset}{options}"
    return {
        "command": command,
        **made_by([run.provenance for run in runs]),
        "seeds": _seeds(runs, trainings) or list(job.seeds),
    }


def _seeds(runs: Sequence[FinishedRun], trainings: Sequence[int]) -> str | list[int]:
    """The seeds of the searches; also the seeds of the trainings if there are several."""
    if most := max((run.repeats for run in runs), default=0):
        return f"0 to {most - 1}"
    searches = sorted({run.seed for run in runs if run.seed is not None and run.searched})
    if len(trainings) < 2:
        return searches
    both = {"searches": searches, "trainings": trainings}
    named = (f"{name} {', '.join(map(str, seeds))}" for name, seeds in both.items() if seeds)
    return "; ".join(named)


def _measurement(experiment: Experiment, table: ResultTable) -> dict[str, Any]:
    titles = {f"c{i}": _title(column) for i, column in enumerate(table.columns)}
    printed = {
        f"c{i}_paper": f"{_title(column)}, paper"
        for i, column in enumerate(table.columns)
        if any(line.cells[i].paper for line in table.lines)
    }
    errors = {
        f"c{i}_z": "ours less paper (standard errors)"
        for i in range(len(table.columns))
        if any(line.cells[i].standard_errors is not None for line in table.lines)
    }
    both = [key for title in titles for key in (title, f"{title}_paper", f"{title}_z")]
    labels = {**titles, **printed, **errors}
    return {
        "title": f"{experiment.title}. {table.caption}",
        "question": experiment.note,
        "columns": {"row": "Row", **{key: labels[key] for key in both if key in labels}},
        "rows": [{"row": line.row.label, **_values(line.cells, printed)} for line in table.lines],
        "does_not_show": list(experiment.does_not_show),
    }


def made_by(records: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Commits, machines and date of a measurement, from the provenance of its runs."""
    return {
        "commit": ", ".join(sorted({str(r["git_commit"]) for r in records if r.get("git_commit")})),
        "machine": "; ".join(_machines(records)),
        "date": max((record.get("finished") or "" for record in records), default="")[:10],
    }


def renewed(
    words: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    command: str,
    record: dict[str, Any],
) -> dict[str, Any]:
    """The measurement `words` with new rows and the provenance `record`.

    Only the keys in `words["columns"]` are kept in the rows.
    """
    kept = [{key: _three(row[key]) for key in words["columns"] if key in row} for row in rows]
    return {**words, "command": command, **made_by([record]), "rows": kept}


def _title(column: Any) -> str:
    return f"{column.title} ({column.unit})" if column.unit else column.title


def _values(cells: Sequence[Cell], printed: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for i, cell in enumerate(cells):
        decimals = cell.measure.decimals + 2
        if cell.ours:
            values[f"c{i}"] = _plain(cell.ours, decimals)
        if f"c{i}_paper" in printed and cell.paper:
            values[f"c{i}_paper"] = {"mean": cell.paper.mean, "std": cell.paper.std}
        if cell.standard_errors is not None:
            values[f"c{i}_z"] = round(cell.standard_errors, 1)
    return values


def _plain(summary: Summary, decimals: int) -> dict[str, Any]:
    if summary.low is None or summary.high is None or summary.deviation is None:
        return {"values": [round(v, decimals) for v in summary.values], "n": summary.n}
    numbers = {
        "mean": summary.mean,
        "std": summary.deviation,
        "low": summary.low,
        "high": summary.high,
    }
    rounded = {key: round(value, decimals) for key, value in numbers.items()}
    bounded = {"bounded": True} if summary.bounded else {}
    return {**rounded, **bounded, "n": summary.n}


def _machines(records: Sequence[dict[str, Any]]) -> list[str]:
    """Text with device, threads and torch version, one for each device and version."""
    threads: dict[tuple[str, str], set[int]] = {}
    for record in records:
        device = record.get("gpu") or record.get("cpu") or "unknown"
        torch = (record.get("versions") or {}).get("torch", "unknown")
        threads.setdefault((device, torch), set()).update(filter(None, [record.get("threads")]))
    return [
        f"{device}{_threads(sorted(counts))}, torch {torch}"
        for (device, torch), counts in sorted(threads.items())
    ]


def _threads(counts: Sequence[int]) -> str:
    """Such as `, 1 or 2 threads per job`; empty if no number is known."""
    plural = "s" * (counts != [1])
    return f", {' or '.join(map(str, counts))} thread{plural} per job" if counts else ""
