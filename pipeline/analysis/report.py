"""The report: one HTML page that needs nothing but itself.

What ran, each experiment's tables beside the paper's numbers, curves, found cells, all runs with
links to their folders, and where everything comes from. Drawings are inline SVG whose colours are
CSS variables, so that light and dark are one page; there is no script and nothing is fetched.
The same files give the same page: the date on it is that of the latest run. (Links to MLflow take
its address from MLFLOW_TRACKING_URI; a local store has none.)
"""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline import provenance, tracking
from pipeline.analysis import drawings, figures, runs, svg, tables
from pipeline.analysis.groups import groups
from pipeline.analysis.measures import Measure
from pipeline.analysis.runs import Run, Unfinished
from pipeline.config import jobs
from pipeline.config.experiments import is_searched

HEADLINES = {
    # Stage -> what the table of runs says of it: metric, format.
    "search": ("valid_accuracy", "{:.2%} validation accuracy"),
    "genotype": ("params", "{:,.0f} parameters"),
    "trial": ("held_out_error", "{:.2%} held-out error"),
    "query": ("cifar10_test", "{:.2f} % CIFAR-10 test"),
    "removal": ("value_full", "{:.2%} with all operations"),
    "ranking": ("tau_all", "tau {:.3f} over all architectures"),
    "retrain": ("test_error", "{:.2%} test error"),
    "queries": ("n_seeds", "{:.0f} seeds"),
}


@dataclass(frozen=True)
class Origin:
    """Runs that share something of their provenance, e.g. the commit or the machine."""

    fields: dict[str, Any]
    n_runs: int


def render(job: jobs.ReportJob, results: Path, link_from: Path) -> str:
    """The page as HTML.

    Args:
        job: experiments, seeds, titles.
        results: `results/{preset}`.
        link_from: folder of the page, which links to runs start from.

    Raises:
        InputError: a file of a run is broken.
    """
    expected = expected_folders(job)
    everything = runs.collect(results)
    study = study_of(job, everything)
    shown, digest = study.runs, study.source_digest
    context = {
        "job": job,
        "runs": shown,
        "n_others": len(everything) - len(shown),
        "unfinished": runs.unfinished(results, expected, shown),
        "sections": [
            (
                experiment,
                tables.parts(experiment, study),
                drawings.draw(experiment, study, results),
            )
            for experiment in job.experiments
        ],
        "groups": groups(results, shown, job.titles),
        "source_digest": digest,
        "origins": origins(shown),
        "settings": settings_in_use(shown),
        "summary": summary(shown),
        "others": {run.folder for run in shown if run.provenance.get("source_digest") != digest},
        "configured": json.dumps(job.model_dump(mode="json"), indent=2, ensure_ascii=False),
        "root": Path(os.path.relpath(results, link_from)).as_posix(),
    }
    return _environment().get_template("report.html").render(context)


def study_of(job: jobs.ReportJob, everything: Sequence[Run]) -> tables.Study:
    """Of all runs those that the job's experiments need."""
    wanted = set(expected_folders(job))
    shown = [run for run in everything if run.folder in wanted]
    digest = provenance.source_digest()
    return tables.Study(shown, len(job.seeds), len(job.retrain_seeds), digest)


def expected_folders(job: jobs.ReportJob) -> list[str]:
    """Folders of all runs that the experiments need, searches included."""
    found: dict[str, None] = {}
    for experiment in job.experiments:
        for folder, stage in jobs.runs(job, experiment):
            if stage == "genotype" and is_searched(runs.parse(folder)["strategy"]):
                found[f"{folder.removesuffix('genotype')}search"] = None
            found[folder] = None
    return list(found)


def summary(shown: Sequence[Run]) -> dict[str, Any]:
    """What the head of the page says: how much of what, how long, on what, until when."""
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


def origins(shown: Sequence[Run]) -> dict[str, list[Origin]]:
    """Distinct code, machines, versions and data behind the runs, the most frequent first."""
    kinds = {
        "code": ("git_commit", "git_dirty", "source_digest"),
        "machines": ("device", "gpu", "cpu", "threads", "platform", "python"),
        "versions": ("versions",),
        "data": ("data",),
    }
    return {
        kind: list(_distinct({key: run.provenance.get(key) for key in keys} for run in shown))
        for kind, keys in kinds.items()
    }


def settings_in_use(shown: Sequence[Run]) -> list[tuple[str, str, list[Run]]]:
    """(title, settings as JSON, runs) for each distinct set of settings of a stage."""
    using: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in shown:
        text = json.dumps(run.provenance.get("settings", {}), indent=2, ensure_ascii=False)
        using[run.stage, text].append(run)
    return [(_settings_title(stage, own), text, own) for (stage, text), own in using.items()]


def _settings_title(stage: str, own: Sequence[Run]) -> str:
    strategies = ", ".join(dict.fromkeys(run.strategy for run in own))
    where = ", ".join(dict.fromkeys(f"{run.space} on {run.target or run.dataset}" for run in own))
    return f"{stage}: {strategies} ({where})"


def _distinct(records: Iterable[dict[str, Any]]) -> Iterable[Origin]:
    counted = Counter(json.dumps(record, sort_keys=True) for record in records)
    for text, n_runs in counted.most_common():
        yield Origin(json.loads(text), n_runs)


def number(value: float, measure: Measure) -> str:
    """A value with the decimals of its column and a true minus sign."""
    return f"{value:,.{measure.decimals}f}".replace("-", "−")


def difference(value: float, measure: Measure) -> str:
    """A signed difference."""
    return f"{value:+,.{measure.decimals}f}".replace("-", "−")


def duration(seconds: float) -> str:
    """`42 s`, `12.3 min`, `5.2 h`."""
    for limit, unit, scale in ((100, "s", 1), (6000, "min", 60), (100 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / scale:.{0 if unit == 's' else 1}f} {unit}"
    return f"{seconds / 86400:.1f} days"


def headline(run: Run) -> str:
    """The one number that the table of runs gives."""
    key, form = HEADLINES[run.stage]
    value = run.metrics.get(key)
    return "" if value is None else form.format(value).replace("%", " %").replace("  %", " %")


def mlflow_url(run: Run) -> str | None:
    """Address of the run in the MLflow interface, if the store is a server."""
    store = tracking.store_uri()
    ids = [run.provenance.get(key) for key in ("mlflow_experiment_id", "mlflow_run_id")]
    if not store.startswith(("http://", "https://")) or not all(ids):
        return None
    return f"{store.rstrip('/')}/#/experiments/{ids[0]}/runs/{ids[1]}"


def place_of(missing: Unfinished) -> dict[str, Any]:
    """What the folder of an unfinished run says."""
    return runs.parse(missing.folder)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipeline.analysis", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    count = itertools.count()

    def drawing(text: str, label: str) -> Markup:
        return Markup(svg.inline(text, f"d{next(count)}", label, figures.THEME))

    environment.globals.update(
        drawing=drawing,
        number=number,
        difference=difference,
        duration=duration,
        headline=headline,
        mlflow_url=mlflow_url,
        place_of=place_of,
        series=list(enumerate(figures.SERIES)),
        dashes=[" ".join(f"{2 * length:g}" for length in dash) for dash in figures.DASHES],
    )
    return environment
