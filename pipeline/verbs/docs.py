"""The verbs that write measurements, pages of the docs, and the files of the configuration."""
# Tested in tests/verbs/test_verbs.py.

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from pipeline import bench as benches
from pipeline import files, machine, provenance
from pipeline.analysis import cost_page, measurement, results_summary, runs
from pipeline.analysis import coverage as coverages
from pipeline.analysis import fidelity as fidelities
from pipeline.config import generate
from pipeline.stages import report as report_stage
from pipeline.studies import pages
from pipeline.verbs.given import Given
from pipeline.verbs.options import takes
from pipeline.verbs.reports import report_job


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
        job = report_job(given, keep)
        report_stage.write_measurements(job, given["results"], folder, notes)
    out = given["out"] or Path("docs/results.md")
    report_stage.write_results_page(folder, results_summary.FILE, out)
    if page:
        pages.write(folder, page, page.parent / "images")


@click.command()
@click.option("--out", type=Path, default=Path("docs/fidelity.md"), show_default=True)
def fidelity(out: Path) -> None:
    """Render config/fidelity as docs/fidelity.md: the authors' values next to ours."""
    files.write_text(out, fidelities.render())


@click.command()
@click.option("--column", default="cifar10_test", show_default=True, help="column of the table")
@takes("results", "out")
def coverage(given: Given, column: str) -> None:
    """Simulate how often confidence intervals of a mean accuracy contain the true mean."""
    results = given["results"]
    command = f"python -m pipeline coverage --results {results}"
    content = coverages.measurement(runs.collect(results), column, command)
    out = given["out"] or Path("docs/measurements/interval_coverage.json")
    files.write_json(out, content)


@click.command()
@click.option("--out", type=Path, default=Path("docs/cost.md"), show_default=True)
def cost(out: Path) -> None:
    """Render docs/cost.md: the cost of the paper's searches and trainings."""
    files.write_text(out, cost_page.render())


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
