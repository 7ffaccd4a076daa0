"""Compares all strategies of a results folder, or only the runs that are named.

Runs that differ only in their seeds form one *side*. Two sides are paired over their shared search
seeds. If neither side has a search, or if all runs belong to one search, they are paired over
training seeds. Otherwise the difference is unpaired, with Welch's interval.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline import mirrored, paths
from pipeline.analysis import measures
from pipeline.analysis.intervals import Summary, paired_difference, summarise, welch
from pipeline.analysis.measures import Measure, by_seed
from pipeline.analysis.runs import FinishedRun, read_metrics, same_cells
from pipeline.config.claims import LEAST
from pipeline.config.experiments import is_searched
from pipeline.errors import InputError
from pipeline.files import read_json
from pipeline.provenance import flatten

SEED = re.compile(r"/(r?seed)(\d+)")
CODE = ("git_commit", "source_digest", "device", "data_fingerprint")  # tags of code and data
GENOTYPE = "genotype"  # shown as a setting, since the cells of several seeds may differ
SEARCH, TRAINING = "search seeds", "training seeds"


@dataclass(frozen=True)
class ComparedRun:
    """One run that is compared.

    Attributes:
        search_seed: None if the genotype is not from a search, or is the best of several searches.
        training_seed: None if the run does not train a found network.
        config: settings, code, device, data and genotype, as text; nested keys are flattened.
        mlflow: (run id, experiment id), or None.
    """

    name: str
    search_seed: int | None
    training_seed: int | None
    config: Mapping[str, str]
    metrics: Mapping[str, float]
    mlflow: tuple[str, str] | None = None

    @classmethod
    def named(cls, name: str, seed: Any, **content: Any) -> ComparedRun:
        """Read the seeds from a run's name; `seed` is used if the name has no search seed."""
        seeds = {kind: int(number) for kind, number in SEED.findall(name)}
        place = paths.find(name)
        search_seed = seeds.get("seed", int(seed) if str(seed).isdigit() else None)
        searched = place is None or is_searched(place.strategy)
        return cls(name, search_seed if searched else None, seeds.get("rseed"), **content)


@dataclass(frozen=True)
class Side:
    """Runs that differ only in their seeds."""

    name: str
    runs: tuple[ComparedRun, ...]

    def by_seed(self, metric: str, kind: str) -> dict[int, float]:
        """Seed of the given kind -> mean of a metric over the successful runs with this seed."""
        values: dict[int, list[float]] = defaultdict(list)
        for run in self.runs:
            seeds = (run.search_seed, run.training_seed)
            first, second = seeds if kind == SEARCH else seeds[::-1]
            if metric in run.metrics and not isnan(run.metrics[metric]):
                seed = second if first is None else first
                values[0 if seed is None else seed].append(run.metrics[metric])
        return {seed: fmean(several) for seed, several in sorted(values.items())}

    def setting(self, key: str) -> str:
        """The value of a key; all values if the runs differ."""
        values = dict.fromkeys(run.config[key] for run in self.runs if key in run.config)
        if key == GENOTYPE and len(values) > 1:
            return f"{len(values)} different cells"
        return ", ".join(values)


def read(folder: Path) -> ComparedRun:
    """The run in a folder.

    Raises:
        InputError: the folder is not that of a successful run.
    """
    if not (folder / "metrics.json").exists():
        raise InputError(f"{folder}: no metrics.json: not the folder of a run that has succeeded")
    metrics = read_metrics(folder / "metrics.json")
    record = read_json(folder / "provenance.json")
    data = record.get("data") or {}
    code = {**record, "data_fingerprint": data.get("fingerprint")}
    config = flatten(record.get("settings") or {})
    config |= {key: str(code[key]) for key in CODE if code.get(key) is not None}
    place = paths.ending(folder.resolve())
    ids = [*mirrored.ids(folder, record).values()]
    return ComparedRun.named(
        place.folder if place else folder.resolve().as_posix(),
        record.get("seed"),
        config=config | _genotype(folder, metrics),
        metrics={k: float(v) for k, v in metrics.items() if isinstance(v, int | float)},
        mlflow=(ids[0], ids[1]) if ids else None,
    )


def _genotype(folder: Path, metrics: Mapping[str, Any]) -> dict[str, str]:
    """The cell of a run, from `metrics.json` or from `genotype.json`."""
    if isinstance(metrics.get("arch"), str):
        return {GENOTYPE: metrics["arch"]}
    path = paths.seed_folder(folder.resolve()) / "genotype" / "genotype.json"
    return {GENOTYPE: json.dumps(read_json(path)["cells"])} if path.exists() else {}


def sides_of(subjects: Sequence[ComparedRun]) -> list[Side]:
    """Runs grouped by everything except their seed."""
    gathered: dict[Any, list[ComparedRun]] = defaultdict(list)
    for subject in subjects:
        kept = {k: v for k, v in subject.config.items() if k not in (*CODE, GENOTYPE)}
        gathered[SEED.sub("", subject.name), tuple(sorted(kept.items()))].append(subject)
    return [Side(name, tuple(runs)) for (name, _), runs in gathered.items()]


def compare_runs(sides: Sequence[Side]) -> dict[str, Any]:
    """A comparison to write as JSON; its lists `values` are in the order of `sides`."""
    keys = dict.fromkeys(key for side in sides for run in side.runs for key in run.config)
    rows = [{"key": key, "values": [side.setting(key) or None for side in sides]} for key in keys]
    metrics = dict.fromkeys(m for side in sides for run in side.runs for m in run.metrics)
    kind = pairing(sides)
    return {
        "sides": [
            {"name": side.name, "n": len(side.runs), "runs": [run.name for run in side.runs]}
            for side in sides
        ],
        "config": [row for row in rows if len({*row["values"]}) > 1],
        "same_cells": _found_the_same(sides),
        "metrics": [_metric(sides, metric, kind) for metric in metrics],
    }


def _found_the_same(sides: Sequence[Side]) -> bool:
    """Whether all sides have the same, known cells."""
    cells = [{run.config.get(GENOTYPE) for run in side.runs} for side in sides]
    return len(cells) > 1 and None not in cells[0] and all(same == cells[0] for same in cells)


def pairing(sides: Sequence[Side]) -> str | None:
    """Kind of seed for pairing sides; None (unpaired) if only some sides have searches."""
    searches = [{run.search_seed for run in side.runs} for side in sides]
    searched = [seeds != {None} for seeds in searches]
    if any(searched) and not all(searched):
        return None
    return SEARCH if len(set().union(*searches)) > 1 else TRAINING


def _metric(sides: Sequence[Side], metric: str, kind: str | None) -> dict[str, Any]:
    by_side = [side.by_seed(metric, kind or pairing([side]) or TRAINING) for side in sides]
    row: dict[str, Any] = {
        "metric": metric,
        "values": [_numbers(summarise(by.values())) if by else None for by in by_side],
        "failed": [sum(isnan(run.metrics.get(metric, 0.0)) for run in side.runs) for side in sides],
    }
    if len(sides) == 2 and all(by_side):
        row["difference"] = difference(by_side[0], by_side[1], kind)
    return row


def _numbers(summary: Summary) -> dict[str, Any]:
    return {**summary.numbers(), "text": summary.words(4)}


def difference(
    first: Mapping[int, float], second: Mapping[int, float], kind: str | None
) -> dict[str, Any]:
    """The mean difference of two sides, first minus second; paired over shared seeds if possible.

    `kind` is the kind of the seeds; None if the two sides have different kinds.
    """
    paired = paired_difference(first, second) if kind else None
    if paired:
        seeds = sorted(first.keys() & second.keys())
        return {**_numbers(paired), "paired": True, "over": kind, "seeds": seeds}
    a, b = (summarise(by.values()) for by in (first, second))
    gap = a.mean - b.mean
    low = high = None
    if min(a.n, b.n) >= LEAST and a.deviation is not None and b.deviation is not None:
        _, half, _ = welch((a.mean, a.deviation, a.n), (b.mean, b.deviation, b.n))
        low, high = gap - half, gap + half
    summary = Summary((gap,), gap, None, low, high)
    return {**_numbers(summary), "n": None, "paired": False, "over": None, "seeds": []}


@dataclass(frozen=True)
class Comparison:
    """Summaries of all measures for all strategies, in one space and on one data set."""

    space: str
    dataset: str
    measures: tuple[Measure, ...]
    values: Mapping[str, Mapping[Measure, Summary]]
    rows: tuple[Mapping[str, Any], ...]
    same_cells: Sequence[Sequence[FinishedRun]]  # each group of runs found one cell


def compare_strategies(runs: Sequence[FinishedRun]) -> Iterator[Comparison]:
    """A comparison for each space and data set; its rows are means and paired differences."""
    for space, dataset in dict.fromkeys((run.space, run.dataset) for run in runs):
        of_group = [run for run in runs if (run.space, run.dataset) == (space, dataset)]
        labels = list(dict.fromkeys(run.strategy for run in of_group))
        of = {label: [run for run in of_group if run.strategy == label] for label in labels}
        wanted = _measures(of_group)
        values: dict[str, dict[Measure, Summary]] = {label: {} for label in labels}
        rows: list[dict[str, Any]] = []
        for measure in wanted:
            target = measure.target or ""
            metric = f"{measure.stage}_{measure.key}"
            head = {"space": space, "dataset": dataset, "target": target, "metric": metric}
            head["unit"] = measure.unit
            seeds = {label: by for label in labels if (by := by_seed(measure, of[label]))}
            for label in seeds:
                if summary := measures.summary(measure, of[label]):
                    values[label][measure] = summary
                    single = {"strategy": label, "versus": "", **summary.numbers()}
                    rows.append({**head, **single, "over": "", "seeds": ""})
            rows += [{**head, **row} for row in _differences(seeds)]
        there = tuple(measure for measure in wanted if any(measure in by for by in values.values()))
        yield Comparison(space, dataset, there, values, tuple(rows), same_cells(of_group))


def _differences(seeds: Mapping[str, Mapping[int, float]]) -> Iterator[dict[str, Any]]:
    """Paired differences of strategies that share seeds of one kind."""
    for a, b in itertools.combinations(seeds, 2):
        if is_searched(a) != is_searched(b):
            continue
        gap = difference(seeds[a], seeds[b], SEARCH if is_searched(a) else TRAINING)
        if gap["paired"]:
            shared = " ".join(map(str, gap["seeds"]))
            kept = {key: gap[key] for key in ("n", "mean", "deviation", "low", "high", "over")}
            yield {"strategy": a, "versus": b, **kept, "seeds": shared}


def _measures(runs: Sequence[FinishedRun]) -> list[Measure]:
    """The measures to compare."""
    targets = dict.fromkeys(run.target for run in runs if run.target is not None)
    columns = measures.ranked_columns(runs)
    return [
        *(measures.test_error(target) for target in targets),
        *(kind(c) for c in columns for kind in (measures.table_column, measures.rank)),
        measures.params(),
        measures.seconds("search", runs),
    ]
