"""The verbs for a whole study: its report, its cost, its configuration."""
# Tested in tests/verbs/test_verbs.py.

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from pipeline import bench as benches
from pipeline import files, machine, provenance
from pipeline.analysis import comparison_text, measurement, results_summary, runs
from pipeline.analysis import cost as costs
from pipeline.analysis import coverage as coverages
from pipeline.analysis import fidelity as fidelities
from pipeline.analysis import plan as plans
from pipeline.config import generate, jobs, load, needs, planned
from pipeline.config.model import Config
from pipeline.stages import report as report_stage
from pipeline.studies import pages
from pipeline.verbs.options import Given, takes


@click.command()
@click.option("--page", default="index", show_default=True, help="index, paper or an experiment")
@takes("results", "job", "out", "config")
def report(given: Given, page: str) -> None:
    """Write the self-contained HTML report; without `--out` print its test results."""
    job = given.job(jobs.ReportJob, lambda config: _report_job(config, page))
    if given["out"] is None:
        print(comparison_text.render_tables(job, given["results"]))
    else:
        report_stage.run(job, given["results"], given["out"])


@click.command()
@takes("experiment", "results", "job", "out", "config")
def draw(given: Given) -> None:
    """Draw a figure of the paper as SVG and PNG, and write its numbers as CSV."""
    job = given.job(jobs.ReportJob, lambda config: _report_job(config, given.need("experiment")))
    report_stage.write_figures(job, given["results"], given.need("out"))


@click.command()
@click.argument("page", default="paper")
@takes("config")
def plan(given: Given, page: str) -> None:
    """Estimate what a report page needs: runs, device hours and disk space of each stage."""
    print(plans.announce(given.config, load.experiments(given.config), page))


@click.command()
@click.option(
    "--keep", metavar="EXPERIMENT", help="first write this experiment's tables and figures"
)
@click.option("--note", "notes", multiple=True, help="with --keep: a remark for readers")
@click.option("--folder", type=Path, default=Path("docs/measurements"), show_default=True)
@click.option("--page", type=Path, help="also fill this page's tables and draw its `images/`")
@takes("results", "out", "config")
def measurements(
    given: Given, keep: str | None, notes: tuple[str, ...], folder: Path, page: Path | None
) -> None:
    """Render docs/results.md and docs/results/; --keep adds an experiment's measurements first."""
    if keep:
        job = _report_job(given.config, keep)
        report_stage.write_measurements(job, given["results"], folder, notes)
    out = given["out"] or Path("docs/results.md")
    report_stage.write_results_page(folder, results_summary.FILE, out)
    if page:
        pages.write(folder, page, page.parent / "images")


@click.command()
@click.option("--out", type=Path, default=Path("docs/fidelity.md"), show_default=True)
def fidelity(out: Path) -> None:
    """Render config/fidelity as docs/fidelity.md: the authors' values next to ours."""
    with files.replacing(out) as temporary:
        temporary.write_text(fidelities.render())


@click.command()
@click.option("--column", default="cifar10_test", show_default=True, help="column of the table")
@takes("results", "out")
def coverage(given: Given, column: str) -> None:
    """Simulate how often confidence intervals of a mean accuracy contain the true mean."""
    results = given["results"]
    command = f"python -m pipeline coverage --results {results}"
    found = coverages.measurement(runs.collect(results), column, command)
    out = given["out"] or Path("docs/measurements/interval_coverage.json")
    files.write_json(out, found)


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
        job = given.job(jobs.ReportJob, lambda config: _report_job(config, judge))
        results = given["results"]
        if keep:
            kept = folder / "runs" / job.preset
            report_stage.keep_runs(job, results, kept)
            results = kept
        report_stage.write_claims(job, results, folder)
    report_stage.write_claims_page(folder, given["out"] or Path("docs/claims.md"))


@click.command()
@click.option("--out", type=Path, default=Path("docs/cost.md"), show_default=True)
def cost(out: Path) -> None:
    """Render docs/cost.md: the cost of the paper's searches and trainings."""
    files.write_text(out, costs.render())


@click.command()
@click.argument("what", type=click.Choice(benches.NAMES))
@click.option("--repeats", type=click.IntRange(1), default=7, show_default=True)
@click.option("--keep", type=Path, metavar="FILE", help="also write the rows to this measurement")
def bench(what: str, repeats: int, keep: Path | None) -> None:
    """Time optimised code against its plain form; the two alternate within one run."""
    words = files.read_json(keep) if keep else {}
    provenance.code()  # reads the digests of the timed code
    start = time.perf_counter()
    rows = benches.rows(what, repeats)
    print(json.dumps(rows, indent=2))
    if keep:
        device = "cuda" if machine.has_gpu("auto") else "cpu"
        record = provenance.collect({}, None, device, time.perf_counter() - start)
        command = f"python -m pipeline bench {what} --repeats {repeats}"
        files.write_json(keep, measurement.renewed(words, rows, command, record))


@click.command()
@click.option("--folder", type=Path, default=Path("config"), show_default=True)
def config(folder: Path) -> None:
    """Write config.yaml and schema.json from the models."""
    generate.write(folder)


def _report_job(config: Config, page: str) -> jobs.ReportJob:
    """The job of a report page made by hand."""
    experiments = load.experiments(config)
    on_page = needs.on_page(config, page, experiments)
    return planned.report_job(config, [experiments[name] for name in on_page])
