"""The verbs for recorded runs: mirror them to MLflow, compare them."""
# Tested in tests/verbs/test_compare.py.

from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path

import click

from pipeline import mirrored, paths
from pipeline.analysis import compare as sides
from pipeline.analysis import comparison_text
from pipeline.config import jobs
from pipeline.errors import InputError
from pipeline.tracking import lookup, mirror, recorder, workflow
from pipeline.tracking.described import FINAL
from pipeline.verbs.given import Given
from pipeline.verbs.options import takes


@click.command()
@click.option("--results", type=Path, default=Path("results"), show_default=True)
def sync(results: Path) -> None:
    """Send all runs on disk that MLflow lacks to MLflow, without duplicates."""
    print(json.dumps(recorder.sync(results)))


@click.command()
@click.argument("when", type=click.Choice(["start", "finish", "address"]))
@click.option("--status", type=click.Choice(["FINISHED", "FAILED"]), default="FINISHED")
@takes("job", "data_root", "config")
def track(given: Given, when: str, status: str) -> None:
    """Start or end the tracking of a workflow, or print the address of its runs in MLflow.

    `start` checks the data sets and starts the recorder, which sends runs to MLflow. `finish` ends
    the workflow's run. `address` prints the address.
    """
    results = Path(os.environ.get("SHAPLEY_NAS_RESULTS") or paths.results(given.config.preset))
    if when == "start":
        job = given.job(jobs.WorkflowJob, lambda config: jobs.workflow_job(config, ()))
        workflow.start(job, given.data_root, results)
    elif when == "finish":
        workflow.finish(results, status)
    else:
        print(lookup.runs_address(results))


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RESULTS | RUN RUN...")
@click.option("--format", "form", type=click.Choice(["text", "csv", "json"]), default="text")
@click.option("--json", "as_json", is_flag=True, help="the same as --format json")
def compare(runs: tuple[str, ...], form: str, as_json: bool) -> None:
    """Compare the strategies in a results folder over all seeds, or compare two or more runs.

    A RUN is the folder of a run (with metrics.json) or its id in MLflow. Runs that differ only in
    their seeds are grouped. Each group is shown with a mean and an interval.
    """
    form = "json" if as_json else form
    if len(runs) == 1 and not Path(runs[0], "metrics.json").exists():
        print(comparison_text.render_folder(Path(runs[0]), form))
        if form == "text":
            print(f"MLflow{_after_ui()}: {lookup.runs_address(Path(runs[0]))}")
        return
    if form == "csv":
        raise InputError("compare: --format csv is for a results folder; runs take text or json")
    if len(runs) < 2:
        raise InputError("compare: give a results folder, or two or more runs")
    subjects = [_subject(argument) for argument in runs]
    if not all(Path(argument).is_dir() for argument in runs):
        subjects = [_as_in_mlflow(subject) for subject in subjects]
    ids = [subject.mlflow for subject in subjects if subject.mlflow is not None]
    everywhere = len(ids) == len(subjects)
    address = lookup.comparison_address(*zip(*ids, strict=True)) if everywhere else None
    print(comparison_text.render_runs(sides.sides_of(subjects), form, address, _after_ui()))


def _after_ui() -> str:
    return "" if mirrored.is_served() else " (after `make ui`)"


def _as_in_mlflow(subject: sides.ComparedRun) -> sides.ComparedRun:
    """The run with long settings cut as in MLflow, so that they equal those of a run from there."""
    whole = subject.config.items()
    config = {k: v if k == sides.GENOTYPE else mirror.fitting_value(v) for k, v in whole}
    return dataclasses.replace(subject, config=config)


def _subject(argument: str) -> sides.ComparedRun:
    """The run that an argument names: a folder, or an id in MLflow."""
    if Path(argument).is_dir():
        return sides.read(Path(argument))
    if not re.fullmatch(r"[0-9a-f]{32}", argument):
        raise InputError(f"{argument}: neither a folder of a run nor an id of MLflow (32 digits)")
    run = lookup.recorded(argument)
    final = {k.removeprefix(FINAL): v for k, v in run.metrics.items() if k.startswith(FINAL)}
    config = {key: value for key, value in run.params.items() if key != "seed"}
    config |= {key: run.tags[key] for key in sides.CODE if key in run.tags}
    return sides.ComparedRun.named(
        run.tags.get("run", run.name),
        run.params.get("seed"),
        config=config,
        metrics=final or run.metrics,
        mlflow=(run.run_id, run.experiment_id),
    )
