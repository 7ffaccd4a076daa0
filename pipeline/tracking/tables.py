"""Turns the report's tables into tags and journals for MLflow. It does not import mlflow.

Each table appears in MLflow in three ways:

- Each run that the table uses has a tag `experiment.<table>` with the name of the row.
- The table is an MLflow experiment, `<mlflow_experiment>/<preset>/<table>`, with one run per row.
  If a later workflow changes the numbers of a row, its run gets them as a further step.
- The workflow's run has the table as a CSV file and in MLflow's format (`log_table`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline import files, paths, provenance
from pipeline import journal as journals
from pipeline.config import jobs, needs
from pipeline.errors import InputError
from pipeline.journal import Journal
from pipeline.progress import warn

FOLDER = "tables"  # in `state`: the rows' journals and each workflow's tables
TAG = "experiment."
ROW = "row"  # the stage name of a table's row

Rows = Sequence[Mapping[str, Any]]  # plain values: text columns name the row, numbers are results


def tags_of(journal: Journal) -> dict[str, str]:
    """Tags of a run: `experiment.<table>` -> names of its rows in this table.

    A run that a newer run has replaced gets no tags; its journal is no longer `journal.jsonl`.
    """
    state = journal.state
    if state is None or journal.path.name != journals.NAME:
        return {}
    study = state.parent / paths.PLANNED
    if not study.exists():
        return {}
    served = _served(study, study.stat().st_mtime_ns).get(journal.tags["run"], {})
    return {f"{TAG}{table}": "; ".join(labels) for table, labels in served.items()}


def read_study(results: Path) -> jobs.ReportJob | None:
    """The study of a results folder; None if `study.json` is missing or from another version."""
    path = results / paths.PLANNED
    if not path.exists():
        return None
    try:
        return jobs.ReportJob.model_validate(files.read_json(path))
    except (InputError, ValidationError):
        warn(f"{path}: not of this version; the next `snakemake` writes it anew")
        return None


@lru_cache(maxsize=8)
def _served(study: Path, _: int) -> dict[str, dict[str, list[str]]]:
    """Folder of a run -> table -> labels of its rows."""
    job = read_study(study.parents[1])
    if job is None:
        return {}
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for experiment in job.experiments:
        for row in experiment.rows:
            for place in needs.all_runs(job, [experiment.model_copy(update={"rows": (row,)})]):
                found[place.folder][experiment.name].append(row.label)
    return found


def record(state: Path, parent: Journal, tables: Mapping[str, Rows]) -> None:
    """Add a study's tables to the workflow's journal, and write a journal for each of their rows.

    Args:
        state: `results/{preset}/state`.
        parent: the workflow's journal.
        tables: rows by table; a row without results of our runs gets no journal.
    """
    for name, rows in tables.items():
        path = state / FOLDER / parent.key / f"{name}.csv"
        files.write_csv(path, rows)
        parent.append_artifact(path, form="table")
        experiment = f"{parent.start['experiment']}/{state.parent.name}/{name}"
        for row in rows:
            if any(_is_ours(key, value) for key, value in row.items()):
                _record_row(state / FOLDER / name, experiment, parent, row)


def _is_ours(name: str, value: Any) -> bool:
    return isinstance(value, int | float) and not name.endswith("_paper")


def _record_row(folder: Path, experiment: str, parent: Journal, row: Mapping[str, Any]) -> None:
    """Write a journal for the row, or add a step to its journal if the numbers changed."""
    texts = {key: str(value) for key, value in row.items() if isinstance(value, str)}
    numbers = {key: float(v) for key, v in row.items() if isinstance(v, int | float)}
    name = "/".join(re.sub(r"\W+", "_", text) for text in texts.values())
    path = folder / name / journals.NAME
    tags = provenance.tags({"stage": ROW, "workflow": parent.key, **texts})
    journal = journals.read(path)
    if not journal.events:
        journal = journals.begin(
            path, ROW, row["row"], experiment, workflow=None, params=texts, tags=tags
        )
    elif _last(journal) == numbers:
        return
    else:
        journal.append("resume", workflow=None, tags=tags)
    step = sum(event["event"] == "end" for event in journal.events)
    journal.append("metrics", step=step, values=numbers)
    journal.append("end", status="FINISHED")


def _last(journal: Journal) -> dict[str, float]:
    """The numbers of the last step."""
    return next((e["values"] for e in reversed(journal.events) if e["event"] == "metrics"), {})
