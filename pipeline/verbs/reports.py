"""The verbs for a page of the report: its cost, the page, its figures, its verdicts on claims."""
# Tested in tests/verbs/test_verbs.py.

from __future__ import annotations

from pathlib import Path

import click

from pipeline.analysis import comparison_text
from pipeline.analysis import plan as plans
from pipeline.config import jobs, needs, planned
from pipeline.stages import report as report_stage
from pipeline.verbs.given import Given
from pipeline.verbs.options import takes


@click.command()
@click.option("--page", default="index", show_default=True, help="index, paper or an experiment")
@takes("results", "job", "out", "config")
def report(given: Given, page: str) -> None:
    """Write the self-contained HTML report; without `--out` print its test results."""
    job = given.job(jobs.ReportJob, lambda _: report_job(given, page))
    if given["out"] is None:
        print(comparison_text.render_tables(job, given["results"]))
    else:
        report_stage.run(job, given["results"], given["out"])


@click.command()
@takes("experiment", "results", "job", "out", "config")
def draw(given: Given) -> None:
    """Draw a figure of the paper as SVG and PNG, and write its numbers as CSV."""
    job = given.job(jobs.ReportJob, lambda _: report_job(given, given.need("experiment")))
    report_stage.write_figures(job, given["results"], given.need("out"))


@click.command()
@click.argument("page", default="paper")
@takes("config")
def plan(given: Given, page: str) -> None:
    """Estimate what a report page needs: runs, device hours and disk space of each stage."""
    print(plans.announce(given.config, given.experiments, page))


@click.command()
@click.option("--judge", metavar="EXPERIMENT", help="first judge this experiment's claims")
@click.option("--keep", is_flag=True, help="with --judge: copy runs to FOLDER/runs, judge those")
@click.option("--folder", type=Path, default=Path("docs/measurements"), show_default=True)
@takes("results", "job", "out", "config")
def claims(given: Given, judge: str | None, keep: bool, folder: Path) -> None:
    """Render the verdicts on the paper's claims as docs/claims.md; --judge updates them first.

    Verdicts with --keep are based on all runs that were ever kept, so a replication can be made in
    parts, on several machines.
    """
    if judge:
        job = given.job(jobs.ReportJob, lambda _: report_job(given, judge))
        results = given["results"]
        if keep:
            kept = folder / "runs" / job.preset
            report_stage.keep_runs(job, results, kept)
            results = kept
        report_stage.write_claims(job, results, folder)
    report_stage.write_claims_page(folder, given["out"] or Path("docs/claims.md"))


def report_job(given: Given, page: str) -> jobs.ReportJob:
    """The job of a report page made by hand."""
    on_page = needs.on_page(given.config, page, given.experiments)
    return planned.report_job(given.config, [given.experiments[name] for name in on_page])
