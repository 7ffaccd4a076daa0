"""Runs beside each other: what differs in their configuration and in what was measured.

Runs that differ in their seeds alone are one side of the comparison: their metrics are a mean with
its 95 % t interval. Two sides also get a difference, first minus second, over the seeds that both
have if they share some (paired), else of the means, without an interval. Metrics keep the units of
`metrics.json`: fractions, counts, seconds; NAS-Bench-201's columns are in percent.
"""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline import tracking
from pipeline.analysis.intervals import Summary, paired_difference, summarise
from pipeline.errors import InputError
from pipeline.files import read_json
from pipeline.provenance import flatten

SEED = re.compile(r"/(r?seed)(\d+)")
FINAL = "final/"  # in MLflow, what a stage measured at its end
CODE = ("git_commit", "source_digest", "device", "data_fingerprint")  # tags, shown as they are
WIDTH = 160  # where there is no terminal to ask


@dataclass(frozen=True)
class Subject:
    """One run that is compared.

    Attributes:
        name: as the run calls itself, seeds included.
        seeds: (seed of the search, seed of the training), None where there is none.
        config: flattened settings, code, device and data, as text.
        metrics: numbers of `metrics.json`.
        mlflow: (run id, experiment id), or None.
    """

    name: str
    seeds: tuple[int | None, int | None]
    config: dict[str, str]
    metrics: dict[str, float]
    mlflow: tuple[str, str] | None


@dataclass(frozen=True)
class Side:
    """Runs that are seeds of the same thing."""

    name: str
    runs: tuple[Subject, ...]

    def by_seed(self, metric: str, of_search: bool) -> dict[int, float]:
        """Value by seed of the search, trainings of one search by their mean; or of training."""
        place = 0 if of_search else 1
        values: dict[int, list[float]] = defaultdict(list)
        for run in self.runs:
            if metric in run.metrics:
                seed = run.seeds[place]
                values[run.seeds[0] or 0 if seed is None else seed].append(run.metrics[metric])
        return {seed: fmean(several) for seed, several in sorted(values.items())}

    def config(self, key: str) -> str:
        """The value of a key; several where the runs were made by different code."""
        return ", ".join(dict.fromkeys(run.config[key] for run in self.runs if key in run.config))


def render(arguments: Sequence[str], as_json: bool) -> str:
    """The comparison of some runs as tables of text, or as JSON.

    Args:
        arguments: at least two folders of runs or ids of MLflow.
        as_json: whether another program reads it.

    Raises:
        InputError: fewer than two runs, or one is neither a folder of a run nor known to MLflow.
    """
    if len(arguments) < 2:
        raise InputError("compare: give a results folder, or two or more runs")
    sides = sides_of([subject(argument) for argument in arguments])
    found = differences(sides)
    return json.dumps(found, indent=2) if as_json else _as_text(sides, found)


def subject(argument: str) -> Subject:
    """The run that an argument names."""
    folder = Path(argument)
    if folder.is_dir():
        return _from_folder(folder)
    if not re.fullmatch(r"[0-9a-f]{32}", argument):
        raise InputError(f"{argument}: neither a folder of a run nor an id of MLflow (32 digits)")
    found = tracking.recorded(argument)
    final = {k.removeprefix(FINAL): v for k, v in found.metrics.items() if k.startswith(FINAL)}
    name = found.tags.get("run", found.name)
    config = {key: value for key, value in found.params.items() if key != "seed"}
    config |= {key: found.tags[key] for key in CODE if key in found.tags}
    seeds = _seeds(name, found.params.get("seed"))
    ids = (found.run_id, found.experiment_id)
    return Subject(name, seeds, config, final or found.metrics, ids)


def _from_folder(folder: Path) -> Subject:
    if not (folder / "metrics.json").exists():
        raise InputError(f"{folder}: no metrics.json: not the folder of a run that has succeeded")
    metrics, record = read_json(folder / "metrics.json"), read_json(folder / "provenance.json")
    numbers = {k: float(v) for k, v in metrics.items() if isinstance(v, int | float)}
    data = record.get("data") or {}
    code = {**record, "data_fingerprint": data.get("fingerprint")}
    config = flatten(record.get("settings") or {})
    config |= {key: str(code[key]) for key in CODE if code.get(key) is not None}
    ids = [record.get(key) for key in ("mlflow_run_id", "mlflow_experiment_id")]
    name = "/".join(folder.resolve().parts[-7:] if "rseed" in folder.name else folder.parts[-5:])
    seeds = _seeds(name, record.get("seed"))
    return Subject(name, seeds, config, numbers, (str(ids[0]), str(ids[1])) if all(ids) else None)


def _seeds(name: str, fallback: Any) -> tuple[int | None, int | None]:
    found = {kind: int(number) for kind, number in SEED.findall(name)}
    known = int(fallback) if str(fallback).isdigit() else None
    return (found.get("seed", known), found.get("rseed"))


def sides_of(subjects: Sequence[Subject]) -> list[Side]:
    """Runs gathered by all that is not their seed, in the order given."""
    gathered: dict[Any, list[Subject]] = defaultdict(list)
    for one in subjects:
        settings = tuple(sorted((k, v) for k, v in one.config.items() if k not in CODE))
        gathered[SEED.sub("", one.name), settings].append(one)
    return [Side(name, tuple(runs)) for (name, _), runs in gathered.items()]


def differences(sides: Sequence[Side]) -> dict[str, Any]:
    """What differs between the sides, in plain values; `values` has one entry a side."""
    keys = dict.fromkeys(key for side in sides for run in side.runs for key in run.config)
    rows = [{"key": key, "values": [side.config(key) or None for side in sides]} for key in keys]
    metrics = dict.fromkeys(m for side in sides for run in side.runs for m in run.metrics)
    ids = [run.mlflow for side in sides for run in side.runs]
    known = [pair for pair in ids if pair is not None]
    return {
        "sides": [
            {"name": side.name, "n": len(side.runs), "runs": [run.name for run in side.runs]}
            for side in sides
        ],
        "config": [row for row in rows if len({*row["values"]}) > 1],
        "metrics": [_metric(sides, metric) for metric in metrics],
        "mlflow": tracking.comparison_address(*zip(*known, strict=True))
        if len(known) == len(ids)
        else None,
    }


def _metric(sides: Sequence[Side], metric: str) -> dict[str, Any]:
    # Trainings are the seeds only where all are of one search.
    of_search = len({run.seeds[0] for side in sides for run in side.runs}) > 1
    values = [side.by_seed(metric, of_search) for side in sides]
    row: dict[str, Any] = {"metric": metric, "values": [_numbers(by) for by in values]}
    if len(sides) == 2 and all(values):
        first, second = values
        paired = paired_difference(first, second)
        gap = fmean(first.values()) - fmean(second.values())
        row["difference"] = (paired or Summary(1, gap, None, None)).numbers()
        row["paired"] = paired is not None
    return row


def _numbers(by_seed: Mapping[int, float]) -> dict[str, Any] | None:
    return summarise(by_seed.values()).numbers() if by_seed else None


def _as_text(sides: Sequence[Side], found: Mapping[str, Any]) -> str:
    """Two tables and an address."""
    stream = io.StringIO()
    terminal = Console()
    width = terminal.width if terminal.is_terminal else WIDTH
    console = Console(file=stream, width=width)
    letters = [chr(ord("A") + i) if i < 26 else str(i) for i in range(len(sides))]
    for letter, side in zip(letters, sides, strict=True):
        seeds = f"  ({len(side.runs)} seeds)" if len(side.runs) > 1 else ""
        console.print(f"{letter}  {side.name}{seeds}", markup=False, highlight=False)
    config = [[row["key"], *(value or "-" for value in row["values"])] for row in found["config"]]
    console.print(_table("configuration", letters, config, "no difference"))
    differ = len(sides) == 2
    metrics = [
        [
            row["metric"],
            *(_words(value) for value in row["values"]),
            *([_words(row.get("difference"))] if differ else []),
        ]
        for row in found["metrics"]
    ]
    console.print(_table("metric", [*letters, *(["A - B"] if differ else [])], metrics, "none"))
    console.print("± is half of a 95 % t interval over n seeds", highlight=False)
    if found["mlflow"]:
        where = "" if tracking.store_uri().startswith("http") else " (after `make ui`)"
        console.print(f"MLflow{where}: ", end="", highlight=False)
        stream.write(found["mlflow"] + "\n")
    return stream.getvalue().rstrip()


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> Table:
    table = Table(title, *columns)
    for row in rows or [[empty, *("" for _ in columns)]]:
        table.add_row(*row)
    return table


def _words(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return "-"
    half = "" if value["low"] is None else f" ± {value['mean'] - value['low']:.3g}"
    return f"{value['mean']:.5g}{half}" + (f" (n = {value['n']})" if value["n"] > 1 else "")
