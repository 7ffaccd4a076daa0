"""The verbs that run stages. Snakemake rules call them, and you can call them by hand."""
# Tested in tests/verbs/test_slices.py.

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline import paths
from pipeline.config import jobs
from pipeline.data.spec import read_manifest
from pipeline.errors import InputError
from pipeline.launch import spread
from pipeline.stages import digits_table as digits_table_stage
from pipeline.stages import queries as queries_stage
from pipeline.stages import removal as removal_stage
from pipeline.stages import retrain as retrain_stage
from pipeline.stages import search as search_stage
from pipeline.stages import trial as trial_stage
from pipeline.verbs.given import Given
from pipeline.verbs.options import takes

RUN = ("job", "data_root", "out", "device")  # options of every stage that computes on images
start_option = click.option(
    "--start", type=Path, help="model.pt to start from, instead of a genotype"
)
freeze_option = click.option(
    "--freeze", is_flag=True, help="with --start: train only the classifier"
)


@click.command()
@takes("space", "dataset", "strategy", "seed", "manifest", "table", *RUN, "ranks", "config")
def search(given: Given) -> None:
    """Search with a strategy; resumes after the last complete epoch."""
    job = given.job(
        jobs.SearchJob,
        lambda c: jobs.search_job(c, given.known("space"), given.known("strategy")),
    )
    search_stage.check_processes(job, given["processes"] * given["nodes"])
    spread(given["device"], given["processes"], given["nodes"])
    manifest, split, root = given.images(given.manifest("dataset"))
    out, device = given.folder("search", job.space), given.configure_device()
    search_stage.run(job, given["seed"], manifest, split, root, out, device, given["table"])
    names = [f"--{name}={given[name]}" for name in ("space", "dataset", "strategy", "seed")]
    inputs = [
        f"--strength={out / 'strength.npz'}",
        f"--out={paths.seed_folder(out) / 'genotype'}",
    ]
    given.suggest(out, "genotype", *names, *inputs)


@click.command()
@click.option("--strength", type=Path, help="strength.npz of a search")
@click.option(
    "--trial", "trials", type=Path, multiple=True, help="metrics.json of trials: keep the best"
)
@takes("space", "dataset", "strategy", "seed", "manifest", "job", "data_root", "out", "config")
def genotype(given: Given, strength: Path | None, trials: tuple[Path, ...]) -> None:
    """Write and draw a found or given cell, build its network and count the parameters."""
    from pipeline.stages import genotype as genotype_stage  # loads matplotlib, unlike the others

    job = given.job(
        jobs.GenotypeJob,
        lambda c: jobs.genotype_job(c, *map(given.known, ("space", "dataset", "strategy"))),
    )
    if strength is not None and given["out"] is None:
        given["out"] = paths.seed_folder(strength.parent) / "genotype"
    manifest, out = given.manifest("dataset"), given.folder("genotype", job.space)
    if job.genotype is None and strength is None and not trials:
        strength = paths.seed_folder(out) / "search" / "strength.npz"
    genotype_stage.run(job, given["seed"], read_manifest(manifest), strength, out, trials)
    inputs = [f"--genotype={out / 'genotype.json'}", f"--space={job.space}"]
    target = [f"--target={given['dataset']}", f"--out={out.parent / 'network'}"]
    given.suggest(out, "retrain", *inputs, *target)


@click.command()
@takes("genotype", "dataset", "seed", "manifest", *RUN, "config")
def trial(given: Given) -> None:
    """Train a found cell briefly and measure it on held-out training images."""
    job = given.job(
        jobs.TrialJob, lambda c: jobs.trial_job(c, given.known("space"), given.known("dataset"))
    )
    manifest, _, root = given.images(given.manifest("dataset"))
    source, out = given.need("genotype"), given.out
    device = given.configure_device()
    trial_stage.run(job, given["seed"], source, manifest, root, out, device)


@click.command()
@start_option
@freeze_option
@takes("target", "genotype", "seed", "manifest", *RUN, "ranks", "config")
def retrain(given: Given, start: Path | None, freeze: bool) -> None:
    """Train a genotype from scratch on small images.

    The test set is used once, at the end.
    """
    job = given.job(
        jobs.RetrainJob, lambda c: jobs.retrain_job(c, given.known("space"), given.known("target"))
    )
    _train("retrain", job, given, start, freeze)


@click.command()
@start_option
@freeze_option
@takes("target", "genotype", "seed", "manifest", *RUN, "ranks", "config")
def transfer(given: Given, start: Path | None, freeze: bool) -> None:
    """Train a genotype on a folder of images, such as ImageNet or your own images."""
    job = given.job(
        jobs.TransferJob,
        lambda c: jobs.transfer_job(c, given.known("space"), given.known("target")),
    )
    _train("transfer", job, given, start, freeze)


def _train(name: str, job: Any, given: Given, model: Path | None, freeze: bool) -> None:
    """Run `retrain` or `transfer`, which are one stage with two recipes."""
    if freeze and model is None:
        raise InputError("--freeze: only with --start, a trained model")
    if model is not None and given["genotype"] is not None:
        raise InputError("--start, --genotype: give only one; a model contains its genotype")
    start = retrain_stage.Start(model, freeze) if model else None
    file, out = given.manifest("target"), given.out
    source = given["genotype"] if start else given.need("genotype")
    spread(given["device"], given["processes"], given["nodes"])
    manifest, _, root = given.images(file)
    device = given.configure_device()
    retrain_stage.run(name, job, given["seed"], source, manifest, root, out, device, start)


@click.command()
@click.option("--supernet", type=Path, required=True, help="supernet.pt of a search")
@takes("manifest", "seed", *RUN, "config")
def removal(given: Given, supernet: Path) -> None:
    """Measure how much accuracy a supernet loses if you remove one or two operations (Figure 2)."""
    job = given.job(jobs.RemovalJob, jobs.removal_job)
    out, device = given.out, given.configure_device()
    manifest, split, root = given.images(given.need("manifest"))
    removal_stage.run(job, given["seed"], supernet, manifest, split, root, out, device)


@click.command()
@click.option("--seeds", type=click.IntRange(1), default=500, show_default=True)
@takes("space", "strategy", "dataset", "manifest", "table", *RUN, "config")
def queries(given: Given, seeds: int) -> None:
    """Run a short search with many seeds in one process, on a table or on tiny images."""
    space = given["space"] or "nasbench201"
    job = given.job(jobs.SearchJob, lambda c: jobs.search_job(c, space, given.known("strategy")))
    dataset, table, out = given.need("dataset"), given["table"], given.out
    device = given.configure_device()
    if given["manifest"]:
        manifest, split, root = given.images(given["manifest"])
        queries_stage.run(job, seeds, dataset, table, out, manifest, split, root, device)
    else:
        queries_stage.run(job, seeds, dataset, table, out, device=device)


@click.command()
@takes("manifest", "data_root", "out", "device", "config")
def digits_table(given: Given) -> None:
    """Train all distinct NAS-Bench-201 cells on digits (resumable) and write their accuracies."""
    images, out = given.images(given.need("manifest")), given.out
    given.configure_device()
    digits_table_stage.run(digits_table_stage.Recipe(), *images, out)
