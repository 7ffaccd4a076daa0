"""Report: the study as one HTML page; committed measurements as a page of the docs."""

from __future__ import annotations

from pathlib import Path

from pipeline import files
from pipeline.analysis import measurement, report, results_page
from pipeline.config.jobs import ReportJob


def run(job: ReportJob, results: Path, out: Path) -> None:
    """Write the report on the runs below `results` to `out`.

    Args:
        job: experiments, seeds and titles.
        results: `results/{preset}`.
        out: the page; its links to runs are relative to it.

    Raises:
        InputError: `results` is no folder, or a file of a run is broken.
    """
    files.write_text(out, report.render(job, results, out.parent))


def write_measurements(job: ReportJob, results: Path, folder: Path) -> None:
    """Write each table of the job's experiments as a measurement, `folder/*.json`.

    Raises:
        InputError: an experiment has no finished run.
    """
    for name, content in measurement.measurements(job, results).items():
        files.write_json(folder / name, content)


def write_results_page(measurements: Path, out: Path) -> None:
    """Render `measurements/*.json` as Markdown.

    Raises:
        InputError: a measurement is broken or lacks a key.
    """
    files.write_text(out, results_page.render(measurements))
