"""The runs of a results folder, read from their files; imports neither torch nor mlflow.

A run lives where its name says, below `results/{preset}`:

    {space}/{dataset}/{strategy}/seed{seed}/{search,genotype,trial,query,removal,ranking}/
    {space}/{dataset}/{strategy}/seed{seed}/retrain/{target}/rseed{rseed}/
    {space}/{dataset}/{strategy}/seeds{n}/queries/        seeds 0 to n - 1 in one

and has succeeded if `metrics.json` is there. One that has not may have left a journal below
`state/`, which says whether it failed or was cut off.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline import journal
from pipeline.config.experiments import is_searched
from pipeline.errors import InputError
from pipeline.files import read_json

# In the order in which they run.
STAGES = ("search", "genotype", "trial", "query", "removal", "ranking", "retrain", "queries")
FOLDER = re.compile(
    r"(?P<space>\w+)/(?P<dataset>\w+)/(?P<strategy>\w+)/"
    r"(?:seeds(?P<repeats>\d+)/queries|seed(?P<seed>\d+)/(?:"
    r"(?P<stage>search|genotype|trial|query|removal|ranking)|"
    r"retrain/(?P<target>\w+)/rseed(?P<rseed>\d+)))"
)
PATTERNS = ("*/*/*/seed*/*/metrics.json", "*/*/*/seed*/retrain/*/rseed*/metrics.json")


@dataclass(frozen=True)
class Run:
    """One stage that has succeeded.

    Attributes:
        folder: relative to the results folder, with forward slashes.
        stage: search, genotype, trial, query, removal, ranking, retrain or queries.
        target: data set of a retraining, else None; `rseed` its seed.
        repeats: seeds that a run of `queries` holds, else 0; `seed` is its first.
        history: one row an epoch, of `queries` a seed; numbers only, empty fields left out.
    """

    folder: str
    stage: str
    space: str
    dataset: str
    strategy: str
    seed: int
    target: str | None = None
    rseed: int | None = None
    repeats: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def searched(self) -> bool:
        """Whether a search of its seed found the genotype."""
        return is_searched(self.strategy)

    @property
    def base(self) -> str:
        """The folder that all seeds of a search lie in."""
        return f"{self.space}/{self.dataset}/{self.strategy}"


@dataclass(frozen=True)
class Unfinished:
    """A run that was expected and has no metrics: "failed", "cut off" or "not started"."""

    folder: str
    status: str


def collect(results: Path) -> list[Run]:
    """All runs that have succeeded, by space, data set, strategy, seed, stage.

    Raises:
        InputError: `results` is no folder, or a file of a run is broken.
    """
    if not results.is_dir():
        raise InputError(f"{results}: no such folder; give results/PRESET")
    folders = (path.parent for pattern in PATTERNS for path in results.glob(pattern))
    return sorted((_read(results, folder) for folder in folders), key=_order)


def unfinished(results: Path, expected: Iterable[str], found: Iterable[Run]) -> list[Unfinished]:
    """Expected folders without a result, in the order given."""
    done = {run.folder for run in found}
    missing = (folder for folder in dict.fromkeys(expected) if folder not in done)
    return [Unfinished(folder, _status(results / "state" / folder)) for folder in missing]


def parse(folder: str) -> dict[str, Any]:
    """What a run's folder says: the fields of `Run` but for its content."""
    match = FOLDER.fullmatch(folder)
    if match is None:
        raise InputError(f"{folder}: not the folder of a run")
    named = match.groupdict()
    stage = named["stage"] or ("queries" if named["repeats"] else "retrain")
    return {
        **named,
        "stage": stage,
        "seed": int(named["seed"] or 0),
        "rseed": int(named["rseed"]) if named["rseed"] else None,
        "repeats": int(named["repeats"] or 0),
    }


def _read(results: Path, folder: Path) -> Run:
    name = PurePosixPath(folder.relative_to(results)).as_posix()
    provenance = folder / "provenance.json"
    return Run(
        folder=name,
        **parse(name),
        metrics=read_json(folder / "metrics.json"),
        history=_history(folder / "history.csv"),
        provenance=read_json(provenance) if provenance.exists() else {},
    )


def _history(path: Path) -> list[dict[str, float]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    try:
        return [{key: float(text) for key, text in row.items() if text} for row in rows]
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: not a table of numbers ({error}); rerun its stage") from None


def _order(run: Run) -> tuple[Any, ...]:
    place = (run.seed, STAGES.index(run.stage), run.target or "", run.rseed or 0)
    return (run.space, run.dataset, run.strategy, *place)


def _status(state: Path) -> str:
    record = journal.read(state / journal.NAME)
    if not record.events:
        return "not started"
    return "failed" if record.status == "FAILED" else "cut off"
