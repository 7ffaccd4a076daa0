"""Verbs about a whole study: its report, its record, its configuration."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.config import jobs, load, needs
from pipeline.config.model import Config
from pipeline.errors import InputError
from pipeline.verbs.options import (
    config_options,
    configuration_of,
    data_root_of,
    data_root_option,
    job_from,
    job_option,
    need,
)

if TYPE_CHECKING:
    from pipeline.analysis.compare import Subject

FINAL = "final/"  # before the name of what a stage measured at its end, in MLflow


@click.command()
@click.option("--results", type=Path, default=Path("results/demo"), show_default=True)
@click.option("--page", default="index", show_default=True, help="index, paper or an experiment")
@job_option
@click.option("--out", type=Path, required=True, help="the page to write")
@config_options
def report(results: Path, page: str, job: str | None, out: Path, **options: Any) -> None:
    """Write the self-contained HTML report."""
    from pipeline.stages import report as stage

    slice_ = job_from(job, jobs.ReportJob, lambda: _report_job(configuration_of(options), page))
    stage.run(slice_, results, out)


@click.command()
@click.option("--results", type=Path, default=Path("results/demo"), show_default=True)
@click.option("--experiment", help="an experiment that draws a figure")
@job_option
@click.option("--out", type=Path, required=True, help="folder of the figures")
@config_options
def draw(results: Path, experiment: str | None, job: str | None, out: Path, **options: Any) -> None:
    """Draw a figure of the paper as SVG and PNG, with its numbers as CSV beside."""
    from pipeline.stages import report as stage

    slice_ = job_from(
        job,
        jobs.ReportJob,
        lambda: _report_job(configuration_of(options), need(experiment=experiment)),
    )
    stage.write_figures(slice_, results, out)


@click.command()
@click.argument("page", default="paper")
@config_options
def plan(page: str, **options: Any) -> None:
    """Say what a report page costs before it runs: jobs, device hours, disk, by rule."""
    from pipeline.analysis import plan as analysis

    config = configuration_of(options)
    print(analysis.announce(config, load.experiments(config), page))


@click.command()
@click.option("--keep", metavar="EXPERIMENT", help="first write this experiment's tables there")
@click.option("--note", "notes", multiple=True, help="with --keep: what a reader must know")
@click.option("--results", type=Path, default=Path("results/demo"), show_default=True)
@click.option("--folder", type=Path, default=Path("docs/measurements"), show_default=True)
@click.option("--out", type=Path, default=Path("docs/results.md"), show_default=True)
@config_options
def measurements(
    keep: str | None, notes: tuple[str, ...], results: Path, folder: Path, out: Path, **options: Any
) -> None:
    """Render the committed measurements as docs/results.md; --keep adds an experiment's first."""
    from pipeline.stages import report as stage

    if keep:
        stage.write_measurements(
            _report_job(configuration_of(options), keep), results, folder, notes
        )
    stage.write_results_page(folder, out)


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RESULTS | RUN RUN...")
@click.option("--format", "form", type=click.Choice(["text", "csv", "json"]), default="text")
@click.option("--json", "as_json", is_flag=True, help="the same as --format json")
def compare(runs: tuple[str, ...], form: str, as_json: bool) -> None:
    """Compare the strategies of a results folder over seeds, or some runs with each other.

    A RUN is its folder (the one with metrics.json) or its id in MLflow. Runs that differ in their
    seeds alone are one side of the comparison, with an interval.
    """
    from pipeline.analysis import comparison_text

    form = "json" if as_json else form
    if len(runs) == 1 and not Path(runs[0], "metrics.json").exists():
        print(comparison_text.render_folder(Path(runs[0]), form))
        return
    if form == "csv":
        raise InputError("compare: --format csv is for a results folder; runs take text or json")
    if len(runs) < 2:
        raise InputError("compare: give a results folder, or two or more runs")
    from pipeline import tracking

    subjects = [_subject(argument) for argument in runs]
    ids = [one.mlflow for one in subjects if one.mlflow is not None]
    everywhere = len(ids) == len(subjects)
    address = tracking.comparison_address(*zip(*ids, strict=True)) if everywhere else None
    note = "" if tracking.store_uri().startswith("http") else " (after `make ui`)"
    print(comparison_text.render_runs(comparison_text.sides_of(subjects), form, address, note))


def _subject(argument: str) -> Subject:
    """The run that an argument names: a folder, or an id of MLflow."""
    from pipeline import tracking
    from pipeline.analysis import compare as sides

    if Path(argument).is_dir():
        return sides.read(Path(argument))
    if not re.fullmatch(r"[0-9a-f]{32}", argument):
        raise InputError(f"{argument}: neither a folder of a run nor an id of MLflow (32 digits)")
    found = tracking.recorded(argument)
    final = {k.removeprefix(FINAL): v for k, v in found.metrics.items() if k.startswith(FINAL)}
    config = {key: value for key, value in found.params.items() if key != "seed"}
    config |= {key: found.tags[key] for key in sides.CODE if key in found.tags}
    return sides.Subject.named(
        found.tags.get("run", found.name),
        found.params.get("seed"),
        config=config,
        metrics=final or found.metrics,
        mlflow=(found.run_id, found.experiment_id),
    )


@click.command()
@click.option("--results", type=Path, default=Path("results"), show_default=True)
def sync(results: Path) -> None:
    """Complete the MLflow record from the journals on disk, without duplicates."""
    from pipeline import tracking

    print(json.dumps(tracking.sync(results)))


@click.command()
@click.argument("when", type=click.Choice(["start", "finish"]))
@click.option("--status", type=click.Choice(["FINISHED", "FAILED"]), default="FINISHED")
@job_option
@data_root_option
@config_options
def track(when: str, status: str, job: str | None, **options: Any) -> None:
    """Open or close a workflow run: data checked, MLflow store and parent run made once."""
    from pipeline.stages import workflow

    settings = configuration_of(options)
    results = Path(os.environ["SHAPLEY_NAS_RESULTS"])
    if when == "start":
        slice_ = job_from(job, jobs.WorkflowJob, lambda: jobs.workflow_job(settings, ()))
        workflow.start(slice_, data_root_of(options["data_root"], settings), results)
    else:
        workflow.finish(results, status)


@click.command()
@click.option("--folder", type=Path, default=Path("config"), show_default=True)
def config(folder: Path) -> None:
    """Write config.yaml and schema.json from the models."""
    from pipeline.config import generate

    generate.write(folder)


def _report_job(config: Config, page: str) -> jobs.ReportJob:
    found = load.experiments(config)
    return jobs.report_job(config, [found[name] for name in needs.on_page(config, page, found)])
