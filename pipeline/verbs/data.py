"""The verbs that prepare data sets, which do not need torch."""
# Tested in tests/verbs/test_slices.py.

from __future__ import annotations

from pathlib import Path

import click

from pipeline import machine
from pipeline.config import jobs
from pipeline.data.imagenet16 import make_imagenet16
from pipeline.stages import prepare as prepare_stage
from pipeline.verbs.given import Given
from pipeline.verbs.options import takes


@click.command()
@click.option("--download", is_flag=True, help="download missing files if torchvision can")
@takes("dataset", "job", "data_root", "out", "config")
def prepare(given: Given, download: bool) -> None:
    """Check a data set's files, and write its manifest and its split."""
    job = given.job(jobs.PrepareJob, lambda c: jobs.prepare_job(c, given.known("dataset")))
    out = given.out if given.in_workflow or given["out"] else given.data_folder(job.dataset)
    if not given.in_workflow:
        download |= given.config.download
    prepare_stage.run(job, given.data_root, out, download)


@click.command()
@click.option(
    "--imagenet", type=Path, required=True, help="folder with train/, val/ and map_clsloc.txt"
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=machine.n_cpus,
    help="processes that decode [one per CPU]",
)
@takes("data_root", "config")
def imagenet16(given: Given, imagenet: Path, workers: int) -> None:
    """Make ImageNet-16-120 from a local ImageNet, if its batch files are not available."""
    make_imagenet16(imagenet, given.data_root, workers)
