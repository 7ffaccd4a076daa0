"""The verbs that a rule calls: each a thin layer over a stage, usable by hand too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from pipeline import files
from pipeline.config import jobs
from pipeline.launch import spread
from pipeline.verbs.options import (
    config_options,
    configuration_of,
    configure,
    data_root_of,
    data_root_option,
    folder_of,
    job_from,
    job_option,
    manifest_of,
    near,
    need,
    out_option,
    required,
    spread_options,
    where_options,
)


@click.command()
@click.option("--dataset", help="name of the data set (`list datasets`)")
@click.option("--download", is_flag=True, help="fetch missing files where torchvision can")
@job_option
@data_root_option
@out_option
@config_options
def prepare(dataset: str | None, download: bool, job: str | None, **options: Any) -> None:
    """Check a data set's files, and write its manifest and its split."""
    from pipeline.stages import prepare as stage

    config = configuration_of(options)
    slice_ = job_from(job, jobs.PrepareJob, lambda: jobs.prepare_job(config, need(dataset=dataset)))
    out = options["out"] or Path("results", config.preset, "data", slice_.dataset)
    stage.run(slice_, data_root_of(options["data_root"], config), out, download or config.download)


@click.command()
@click.option("--space", help="name of the space (`list spaces`)")
@click.option("--dataset", help="name of the data set")
@click.option("--strategy", help="strategy label")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--manifest", type=Path, help="manifest.json of the data set")
@click.option("--table", type=Path, help="for strategies that search one [the data set's]")
@job_option
@data_root_option
@out_option
@where_options
@config_options
def search(
    space: str | None,
    dataset: str | None,
    strategy: str | None,
    seed: int,
    manifest: Path | None,
    table: Path | None,
    job: str | None,
    **options: Any,
) -> None:
    """Train a supernet with a strategy; resumes after the last whole epoch."""
    config = configuration_of(options)
    slice_ = job_from(
        job,
        jobs.SearchJob,
        lambda: jobs.search_job(config, need(space=space), need(strategy=strategy)),
    )
    manifest = manifest_of(manifest, config, dataset)
    out = options["out"] or folder_of(config, "search", slice_.space, dataset, strategy, seed)
    device = configure(options)
    from pipeline.stages import search as stage

    content = files.read_json(manifest)
    content, root = near(content, data_root_of(options["data_root"], config))
    split = manifest.with_name("split.npz")
    stage.run(slice_, seed, content, split, root, out, device, table)


@click.command()
@click.option("--space", help="name of the space")
@click.option("--dataset", help="name of the data set searched on")
@click.option("--strategy", help="strategy label, published_NAME or file_NAME")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--manifest", type=Path, help="manifest.json of the data set")
@click.option("--strength", type=Path, help="strength.npz of a search")
@click.option(
    "--trial", "trials", type=Path, multiple=True, help="metrics.json of trials: keep the best"
)
@job_option
@out_option
@config_options
def genotype(
    space: str | None,
    dataset: str | None,
    strategy: str | None,
    seed: int,
    manifest: Path | None,
    strength: Path | None,
    trials: tuple[Path, ...],
    job: str | None,
    **options: Any,
) -> None:
    """Discretise a search or take a genotype from elsewhere; draw, count and build it."""
    from pipeline.stages import genotype as stage

    config = configuration_of(options)
    slice_ = job_from(
        job,
        jobs.GenotypeJob,
        lambda: jobs.genotype_job(
            config, need(space=space), need(dataset=dataset), need(strategy=strategy)
        ),
    )
    manifest = manifest_of(manifest, config, dataset)
    out = options["out"] or folder_of(config, "genotype", slice_.space, dataset, strategy, seed)
    if slice_.genotype is None and strength is None and not trials:
        strength = out.parent / "search" / "strength.npz"
    stage.run(slice_, seed, files.read_json(manifest), strength, out, trials)


def _train_verb(name: str, model: Any, build: Any, text: str) -> click.Command:
    """Define `retrain` and `transfer`: one stage, two recipes."""

    @click.command(name, help=text)
    @click.option(
        "--genotype", "source", help="genotype.json, published name or NAS-Bench-201 string"
    )
    @click.option("--space", default="darts", show_default=True, help="space of the genotype")
    @click.option("--target", help="data set to train on")
    @click.option("--seed", type=int, default=0, show_default=True)
    @click.option("--manifest", type=Path, help="manifest.json of the target")
    @job_option
    @data_root_option
    @out_option
    @where_options
    @spread_options
    @config_options
    def command(
        source: str | None,
        space: str,
        target: str | None,
        seed: int,
        manifest: Path | None,
        job: str | None,
        **options: Any,
    ) -> None:
        config = configuration_of(options)
        slice_ = job_from(job, model, lambda: build(config, space, need(target=target)))
        manifest = manifest_of(manifest, config, target)
        required(genotype=source, out=options["out"])
        spread(options["device"], options["processes"], options["nodes"])
        device = configure(options)
        from pipeline.stages import retrain as stage

        content = files.read_json(manifest)
        content, root = near(content, data_root_of(options["data_root"], config))
        stage.run(name, slice_, seed, need(genotype=source), content, root, options["out"], device)

    return command


retrain = _train_verb(
    "retrain",
    jobs.RetrainJob,
    jobs.retrain_job,
    "Train a genotype from scratch on small images; the test set is looked at once, at the end.",
)
transfer = _train_verb(
    "transfer",
    jobs.TransferJob,
    jobs.transfer_job,
    "Train a genotype on a folder of images by the ImageNet recipe.",
)


@click.command()
@click.option("--genotype", "source", help="genotype.json of the found cell")
@click.option("--space", default="darts", show_default=True, help="space of the genotype")
@click.option("--dataset", help="data set searched on")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--manifest", type=Path, help="manifest.json of the data set")
@job_option
@data_root_option
@out_option
@where_options
@config_options
def trial(
    source: str | None,
    space: str,
    dataset: str | None,
    seed: int,
    manifest: Path | None,
    job: str | None,
    **options: Any,
) -> None:
    """Train a found cell for a while and measure it on held-out training images."""
    config = configuration_of(options)
    slice_ = job_from(
        job, jobs.TrialJob, lambda: jobs.trial_job(config, space, need(dataset=dataset))
    )
    manifest = manifest_of(manifest, config, dataset)
    required(genotype=source, out=options["out"])
    device = configure(options)
    from pipeline.stages import trial as stage

    content = files.read_json(manifest)
    content, root = near(content, data_root_of(options["data_root"], config))
    stage.run(slice_, seed, need(genotype=source), content, root, options["out"], device)


@click.command()
@click.option(
    "--imagenet", type=Path, required=True, help="folder with train/, val/ and map_clsloc.txt"
)
@click.option("--workers", type=int, default=os.cpu_count(), help="processes that decode [all]")
@data_root_option
@config_options
def imagenet16(imagenet: Path, workers: int, **options: Any) -> None:
    """Make ImageNet-16-120 out of a local ImageNet, where its batch files cannot be had."""
    from pipeline.data.imagenet16 import make_imagenet16

    root = data_root_of(options["data_root"], configuration_of(options))
    make_imagenet16(imagenet, root, workers)
