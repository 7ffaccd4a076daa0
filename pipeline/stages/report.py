"""Writes the HTML report of a workflow, and renders committed measurements to pages of the docs."""
# Tested in tests/analysis/test_report.py.

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline import files
from pipeline.analysis import (
    apart,
    claims,
    claims_page,
    drawings,
    measurement,
    report,
    results_page,
    results_summary,
    runs,
)
from pipeline.config.jobs import ReportJob
from pipeline.errors import InputError


def run(job: ReportJob, results: Path, out: Path) -> None:
    """Write the page `out`, a report on the runs in `results`.

    Raises:
        InputError: `results` is not a folder, or a file of a run is broken.
    """
    files.write_text(out, report.render(job, results, out.parent))


def write_figures(job: ReportJob, results: Path, folder: Path) -> None:
    """Write the figures of the job's experiments as SVG, PNG and CSV.

    Raises:
        InputError: `results` is not a folder, a file of a run is broken, or an experiment has no
            run to draw.
    """
    evidence = report.evidence_of(job, results, runs.collect(results))
    for experiment in job.experiments:
        drawn = drawings.draw(experiment, evidence, results)
        if not drawn:
            raise InputError(f"{results}: no run of {experiment.name} to draw; run it first")
        for figure in drawn:
            figure.save(folder)


def write_measurements(
    job: ReportJob, results: Path, folder: Path, notes: Sequence[str] = ()
) -> None:
    """Write the tables and figures of the job's experiments to `folder/*.json`.

    Raises:
        InputError: an experiment has no finished run.
    """
    for name, content in measurement.measurements(job, results, notes).items():
        files.write_json(folder / name, content)


def keep_runs(job: ReportJob, results: Path, kept: Path) -> None:
    """Copy the small files of the finished runs of the job's experiments from `results` to `kept`.

    Raises:
        InputError: `results` is not a folder, or a file of a run is broken.
    """
    finished = apart.as_planned(runs.collect(results), job.planned)
    for experiment in job.experiments:
        for run in measurement.of_experiment(experiment, finished):
            for path in (results / run.folder).iterdir():
                if path.name in runs.FILES:
                    files.write_text(kept / run.folder / path.name, files.read_text(path))


def write_claims(job: ReportJob, results: Path, folder: Path) -> None:
    """Write the measured claims and planned runs of the job's experiments to `folder/*.json`.

    Raises:
        InputError: `results` is not a folder, or a file of a run is broken.
    """
    for name, content in claims.measure(job, results).items():
        files.write_json(folder / name, content)


def write_claims_page(folder: Path, out: Path) -> None:
    """Render the measured claims in `folder` to the page `out`, with pictures in `images`.

    Raises:
        InputError: there are no measured claims.
    """
    files.write_text(out, claims_page.render(folder, out.parent / "images"))


def write_results_page(measurements: Path, findings: Path, out: Path) -> None:
    """Render the findings to the page `out`, and the measurements to pages in a folder beside it.

    The folder has the name of `out` without .md. All other pages in it are deleted.

    Raises:
        InputError: a measurement is broken or lacks a key, or a finding refers to a value that no
            measurement has.
    """
    measured = results_page.read(measurements)
    files.write_text(out, results_summary.render(measured, results_summary.read(findings)))
    pages = results_page.render(measured)
    for name, page in pages.items():
        files.write_text(out.with_suffix("") / f"{name}.md", page)
    for path in out.with_suffix("").glob("*.md"):
        if path.stem not in pages:
            path.unlink()
