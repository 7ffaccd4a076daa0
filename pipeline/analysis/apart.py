"""Separates runs whose settings differ from the plan's, and finds runs whose code has changed."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline import paths
from pipeline.analysis.runs import ORDER, FinishedRun
from pipeline.config import planned as plans
from pipeline.files import read_json
from pipeline.registry import sources

# Stages whose results later stages of the same seed use.
FIRST = ("search", "genotype")


def split(
    runs: Sequence[FinishedRun], planned: Mapping[str, str]
) -> tuple[list[FinishedRun], list[FinishedRun]]:
    """The runs with the planned settings, and the runs with other settings.

    Runs that use a search or a genotype with other settings also count as other. For runs that
    are not planned, the most common settings count as planned.

    Args:
        runs: all runs of one results folder.
        planned: key of a planned run (`planned.key_of`) -> digest of its settings.
    """
    digests = {run.folder: _digest(run) for run in runs}
    wanted = {**_most_common(runs, digests), **planned}
    apart = {
        run.folder
        for run in runs
        if (digest := digests[run.folder]) and digest != wanted[plans.key_of(run)]
    }
    earliest: dict[str, int] = {}
    for run in runs:
        if run.folder in apart and run.stage in FIRST:
            seed = run.seed_folder
            earliest[seed] = min(ORDER.index(run.stage), earliest.get(seed, len(ORDER)))
    kept: list[FinishedRun] = []
    others: list[FinishedRun] = []
    for run in runs:
        follows = ORDER.index(run.stage) > earliest.get(run.seed_folder, len(ORDER))
        (others if follows or run.folder in apart else kept).append(run)
    return kept, others


def as_planned(runs: Sequence[FinishedRun], planned: Mapping[str, str]) -> list[FinishedRun]:
    """The runs with the planned settings; names the other runs on stderr."""
    kept, others = split(runs, planned)
    if others:
        print(f"left out, since their settings are others: {names(others)}", file=sys.stderr)
    return kept


def names(runs: Sequence[FinishedRun]) -> str:
    """Folders of runs as text; a seed with several runs is named once."""
    return ", ".join(dict.fromkeys(run.seed_folder for run in runs))


def planned_in(results: Path) -> Mapping[str, str]:
    """The argument `planned` of `split` for the last workflow; empty if unknown."""
    path = results / paths.PLANNED
    digests: Mapping[str, str] = read_json(path).get("planned", {}) if path.exists() else {}
    return digests


def changed_since(run: FinishedRun, source_digest: str) -> list[str]:
    """The modules that the run used and that have changed since then.

    Old runs recorded one digest of the whole package; if it differs, the result is ["pipeline"].
    """
    record = run.provenance
    if "modules" in record:
        return sources.changed(record["modules"])
    return [] if record.get("source_digest") == source_digest else ["pipeline"]


def _digest(run: FinishedRun) -> str | None:
    known = run.settings and plans.key_of(run)
    return plans.digest_of(run.stage, run.settings) if known else None


def _most_common(runs: Sequence[FinishedRun], digests: Mapping[str, str | None]) -> dict[str, str]:
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        if digest := digests[run.folder]:
            counted[plans.key_of(run)][digest] += 1
    return {key: counter.most_common(1)[0][0] for key, counter in counted.items()}
