"""The verbs for the studies in `config/studies/`: `walk`, `estimate` and `summarise`.

The workflow passes a study's settings with `--job`. By hand, name the study with `--study`.
"""
# Tested in tests/studies/test_studies.py.

from __future__ import annotations

from pathlib import Path

import click

from pipeline.config import studies
from pipeline.stages import measuring
from pipeline.verbs.given import Given
from pipeline.verbs.options import takes

study_option = click.option("--study", help="a file of config/studies, instead of --job")
supernet_option = click.option(
    "--supernet", type=Path, required=True, help="supernet.pt of a search"
)


@click.command()
@study_option
@click.option("--name", help="one of the study's walks")
@supernet_option
@takes("manifest", "job", "data_root", "out", "device", "config")
def walk(given: Given, study: str, name: str, supernet: Path) -> None:
    """Evaluate whole permutations of operations on a supernet, for several value functions."""
    job = given.job(
        studies.WalkJob, lambda c: studies.walk_job(studies.load(study, c.preset), name)
    )
    images, out = given.images(given.need("manifest")), given.need("out")
    measuring.run_walk(job, supernet, *images, out, given.configure_device())


@click.command()
@study_option
@click.option("--name", help="a supernet of the study, for example uniform_12")
@click.option("--draw", help="a repeat of the study, for example repeat_0")
@supernet_option
@takes("manifest", "job", "data_root", "out", "device", "config")
def estimate(given: Given, study: str, name: str, draw: str, supernet: Path) -> None:
    """Estimate a supernet's Shapley values with each estimator variant of a study."""
    job = given.job(
        studies.EstimateJob,
        lambda c: studies.estimate_job(studies.load(study, c.preset), name, draw),
    )
    images, out = given.images(given.need("manifest")), given.need("out")
    measuring.run_estimate(job, supernet, *images, out, given.configure_device())


@click.command()
@study_option
@takes("results", "table", "job", "out", "config")
def summarise(given: Given, study: str) -> None:
    """Write the measurements of a study from all its results."""
    job = given.job(
        studies.SummaryJob,
        lambda c: studies.summary_job(studies.load(study, c.preset), c.preset),
    )
    measuring.run_summary(job, given["results"], given["table"], given.need("out"))
