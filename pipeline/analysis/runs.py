"""Reads the runs of a results folder from their files. Imports neither torch nor mlflow.

A run has succeeded if its `metrics.json` exists. Otherwise its journal in `state/`, if there is
one, says whether the run failed or was killed.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import journal, mirrored, paths
from pipeline.config.experiments import is_searched
from pipeline.errors import InputError
from pipeline.files import parse_json, read_csv, read_object, read_share, read_text
from pipeline.paths import Place

ORDER = [*paths.STAGES]
NAN = re.compile(r":\s*(?:NaN|-?Infinity)\b")
FILES = ("metrics.json", "history.csv", "provenance.json")  # what is read of a run
FRACTIONS = {"test_accuracy", "test_error", "top5_error", "held_out_accuracy", "held_out_error"}


@dataclass(frozen=True)
class FinishedRun(Place):
    """A successful run with its content.

    Attributes:
        history: rows of `history.csv` without empty fields: one row for each epoch, or for each
            seed of the stage `queries`.
    """

    metrics: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of its stage; empty if unknown."""
        return self.provenance.get("settings") or {}

    @property
    def searched(self) -> bool:
        """Whether the genotype was found by a search with the run's seed."""
        return is_searched(self.strategy)


@dataclass(frozen=True)
class UnfinishedRun:
    """An expected run without metrics; its status is "failed", "cut off" or "not started"."""

    place: Place
    status: str


def collect(results: Path) -> list[FinishedRun]:
    """All runs that have succeeded, sorted.

    Raises:
        InputError: `results` is not a folder, or a file of a run is broken.
    """
    if not results.is_dir():
        raise InputError(f"{results}: no such folder; give results/PRESET")
    folders = (
        path.parent for pattern in paths.globs("metrics.json") for path in results.glob(pattern)
    )
    return sorted((_read(results, folder) for folder in folders), key=_order)


def unfinished(
    results: Path, expected: Iterable[Place], finished: Iterable[FinishedRun]
) -> list[UnfinishedRun]:
    """Expected runs without a result, in the order given."""
    done = {run.folder for run in finished}
    missing = (place for place in dict.fromkeys(expected) if place.folder not in done)
    state = results / paths.STATE
    return [UnfinishedRun(place, _status(state / place.folder)) for place in missing]


def same_cells(runs: Iterable[FinishedRun]) -> list[list[FinishedRun]]:
    """Groups of runs of the stage `genotype` in which several strategies found the same cell."""
    groups: dict[tuple[str, str, str], list[FinishedRun]] = defaultdict(list)
    for run in runs:
        if run.stage == "genotype" and run.searched and "arch" in run.metrics:
            groups[run.space, run.dataset, run.metrics["arch"]].append(run)
    return [group for group in groups.values() if len({run.strategy for run in group}) > 1]


def _read(results: Path, folder: Path) -> FinishedRun:
    path = folder / "provenance.json"
    provenance = read_object(path) if path.exists() else {}
    return FinishedRun(
        **vars(paths.parse(folder.relative_to(results).as_posix())),
        metrics=read_metrics(folder / "metrics.json"),
        history=_history(folder / "history.csv"),
        provenance={**provenance, **mirrored.ids(folder, provenance)},
    )


def read_metrics(path: Path) -> dict[str, Any]:
    """The metrics of a run; non-finite numbers of an older version become NaN."""
    if NAN.search(read_text(path)):
        return {key: math.nan if value is None else value for key, value in _older(path).items()}
    metrics = read_object(path)
    for key in FRACTIONS & metrics.keys():
        read_share(path, key)
    return metrics


def _older(path: Path) -> dict[str, Any]:
    """Metrics with None for numbers that are not finite."""
    metrics = parse_json(NAN.sub(": null", read_text(path)))
    return metrics if isinstance(metrics, dict) else {}


def _history(path: Path) -> list[dict[str, float]]:
    if not path.exists():
        return []
    try:
        return [{key: float(text) for key, text in row.items() if text} for row in read_csv(path)]
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: not a table of numbers ({error}); rerun its stage") from None


def _order(run: FinishedRun) -> tuple[Any, ...]:
    place = (run.seed, ORDER.index(run.stage), run.target or "", run.rseed or 0)
    return (run.space, run.dataset, run.strategy, *place)


def _status(state: Path) -> str:
    record = journal.read(state / journal.NAME)
    if not record.events:
        return "not started"
    return "failed" if record.status == "FAILED" else "cut off"
