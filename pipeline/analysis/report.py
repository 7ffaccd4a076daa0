"""The report: one self-contained HTML page, which loads nothing from a network.

The same files give the same page, because its date is that of the latest run. Only the links to
MLflow depend on MLFLOW_TRACKING_URI.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.analysis import apart, drawings, page, runs, tables
from pipeline.analysis.answer import Answer, answer
from pipeline.analysis.architectures import Architecture, architectures, growth
from pipeline.analysis.evidence import Evidence
from pipeline.analysis.groups import groups
from pipeline.analysis.runs import FinishedRun
from pipeline.config import jobs, needs
from pipeline.config.experiments import Experiment


def render(job: jobs.ReportJob, results: Path, link_from: Path) -> str:
    """The page as HTML.

    Args:
        job: experiments, seeds, titles.
        results: `results/{preset}`.
        link_from: folder of the page; links to runs are relative to it.

    Raises:
        InputError: a file of a run is broken.
    """
    everything = runs.collect(results)
    evidence = evidence_of(job, results, everything)
    shown, digest = evidence.runs, evidence.source_digest
    changed = {run.folder: apart.changed_since(run, digest) for run in shown}
    cells = architectures(results, shown, job.titles)
    sections = [_section(experiment, evidence, results, cells) for experiment in job.experiments]
    best = next((section for *_, section in sections if section.best), None)
    context = {
        "job": job,
        "runs": shown,
        "n_others": len(everything) - len(shown) - len(evidence.apart),
        "apart": evidence.apart,
        "unfinished": runs.unfinished(
            results, needs.all_runs(job, job.experiments), [*shown, *evidence.apart]
        ),
        "sections": sections,
        "best": best,
        "growth": growth(results, best.best) if best and best.best else [],
        "groups": groups(results, shown, job.titles),
        "architectures": cells,
        "source_digest": digest,
        "origins": origins(shown),
        "settings": settings_in_use(shown),
        "summary": summary(shown),
        "others": {folder: modules for folder, modules in changed.items() if modules},
        "other_names": apart.names([run for run in shown if changed[run.folder]]),
        "configured": json.dumps(job.model_dump(mode="json"), indent=2, ensure_ascii=False),
        "judged": [
            experiment.name
            for experiment in job.experiments
            if (link_from / "claims" / experiment.name / "claims.md").is_file()
        ],
        "root": Path(os.path.relpath(results, link_from)).as_posix(),
    }
    return page.environment().get_template("report.html").render(context)


def _section(
    experiment: Experiment, evidence: Evidence, results: Path, cells: Sequence[Architecture]
) -> tuple[Experiment, list[tables.Part], list[drawings.Drawn], Answer]:
    """An experiment with its tables, its drawings, and the answer in words."""
    parts = tables.parts(experiment, evidence)
    drawn = drawings.draw(experiment, evidence, results)
    return experiment, parts, drawn, answer(experiment, parts, cells)


def evidence_of(job: jobs.ReportJob, results: Path, everything: Sequence[FinishedRun]) -> Evidence:
    """The finished runs that the job's experiments need, and the failed ones."""
    expected = needs.all_runs(job, job.experiments)
    wanted = {place.folder for place in expected}
    shown = [run for run in everything if run.folder in wanted]
    missing = runs.unfinished(results, expected, shown)
    failed = tuple(run.place for run in missing if run.status == "failed")
    return Evidence.of(job, shown, failed)


def summary(shown: Sequence[FinishedRun]) -> dict[str, Any]:
    """What the head of the page shows: runs per stage, total time, devices, latest date."""
    records = [run.provenance for run in shown]
    return {
        "stages": Counter(run.stage for run in shown),
        "datasets": sorted({name for run in shown for name in (run.dataset, run.target) if name}),
        "spaces": sorted({run.space for run in shown}),
        "n_strategies": len({run.strategy for run in shown}),
        "seconds": sum(record.get("seconds", 0.0) for record in records),
        "devices": sorted({r.get("gpu") or r["cpu"] for r in records if r.get("cpu")}),
        "on_gpu": any(record.get("gpu") for record in records),
        "finished": max((r["finished"] for r in records if r.get("finished")), default=None),
        "commits": sorted({r["git_commit"] for r in records if r.get("git_commit")}),
        "dirty": any(record.get("git_dirty") for record in records),
    }


def origins(shown: Sequence[FinishedRun]) -> dict[str, list[tuple[dict[str, Any], int]]]:
    """For code, machines, versions and data: (record, number of runs), most frequent first."""
    kinds = {
        "code": ("git_commit", "git_dirty", "source_digest"),
        "machines": ("device", "gpu", "cpu", "threads", "platform", "python"),
        "versions": ("versions",),
        "data": ("data",),
    }
    by_kind = {}
    for kind, keys in kinds.items():
        records = [{key: run.provenance.get(key) for key in keys} for run in shown]
        counted = Counter(json.dumps(record, sort_keys=True) for record in records)
        by_kind[kind] = [(json.loads(text), n_runs) for text, n_runs in counted.most_common()]
    return by_kind


def settings_in_use(shown: Sequence[FinishedRun]) -> list[tuple[str, str, list[FinishedRun]]]:
    """(title, settings as JSON, runs) for each distinct combination of a stage and its settings."""
    using: dict[tuple[str, str], list[FinishedRun]] = defaultdict(list)
    for run in shown:
        text = json.dumps(run.settings, indent=2, ensure_ascii=False)
        using[run.stage, text].append(run)
    return [(_settings_title(stage, group), text, group) for (stage, text), group in using.items()]


def _settings_title(stage: str, group: Sequence[FinishedRun]) -> str:
    strategies = ", ".join(dict.fromkeys(run.strategy for run in group))
    where = ", ".join(dict.fromkeys(f"{run.space} on {run.target or run.dataset}" for run in group))
    return f"{stage}: {strategies} ({where})"
