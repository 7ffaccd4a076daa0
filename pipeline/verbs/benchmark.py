"""The verbs about NAS-Bench-201: its table, what it says of a search, Figures 2 and 5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pipeline import files
from pipeline.config import jobs
from pipeline.errors import InputError
from pipeline.registry.tables import REFERENCES
from pipeline.verbs.options import (
    config_options,
    configuration_of,
    configure,
    data_root_of,
    data_root_option,
    job_from,
    job_option,
    near,
    need,
    where_options,
)


@click.command()
@click.option("--table", type=Path, help="NAS-Bench-201 table: .npy of `convert`, or .csv(.gz)")
@click.option("--index", type=int, help="official index of the architecture")
@click.option("--arch", help="architecture string, `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`")
@click.option("--genotype", "source", type=Path, help="genotype.json")
@click.option(
    "--reference", type=click.Choice(REFERENCES), help="best of each column, or ResNet's block"
)
@click.option("--out", type=Path, help="folder of the results; else JSON on stdout")
def query(
    table: Path | None,
    index: int | None,
    arch: str | None,
    source: Path | None,
    reference: str | None,
    out: Path | None,
) -> None:
    """Look an architecture up in the NAS-Bench-201 table; values in percent as published."""
    from pipeline.stages import query as stage

    if sum(value is not None for value in (index, arch, source, reference)) != 1:
        raise InputError("query: give exactly one of --index, --arch, --genotype, --reference")
    if out is not None and reference is not None:
        stage.run_reference(reference, table, out)
    elif out is not None:
        stage.run(need(genotype=source), table, out)
    elif reference is not None:
        print(json.dumps(stage.look_up_reference(reference, need(table=table)), indent=2))
    else:
        print(json.dumps(stage.look_up(need(table=table), index, arch, source), indent=2))


@click.command()
@click.option("--source", type=Path, required=True, help="CSV, official .pth, or NATS-Bench's")
@click.option("--out", type=Path, required=True, help="compact table to write (.npy)")
def convert(source: Path, out: Path) -> None:
    """Convert what others publish of NAS-Bench-201 to the compact table, one mapped file."""
    from pipeline.nasbench import Table

    Table.load(source).save(out)


@click.command()
@click.option("--manifest", type=Path, required=True, help="manifest.json of digits")
@click.option("--state", type=Path, required=True, help="folder of what is done so far")
@click.option("--out", type=Path, required=True, help="table to write (.csv.gz)")
@data_root_option
@where_options
@config_options
def digits_table(manifest: Path, state: Path, out: Path, **options: Any) -> None:
    """Train every distinct cell of NAS-Bench-201 on digits, as a small table; resumes."""
    config = configuration_of(options)
    configure(options)
    from pipeline.nasbench import digits

    root = data_root_of(options["data_root"], config)
    content = files.read_json(manifest)
    digits.make(content, manifest.with_name("split.npz"), root, state, out, log=click.echo)


@click.command()
@click.option("--supernet", type=Path, required=True, help="supernet.pt of a search")
@click.option("--manifest", type=Path, required=True, help="manifest.json of its data set")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=Path, required=True, help="folder of the results")
@job_option
@data_root_option
@where_options
@config_options
def removal(
    supernet: Path, manifest: Path, seed: int, out: Path, job: str | None, **options: Any
) -> None:
    """Measure what a trained supernet loses without operations of two edges (Figure 2)."""
    config = configuration_of(options)
    slice_ = job_from(job, jobs.RemovalJob, lambda: jobs.removal_job(config))
    device = configure(options)
    from pipeline.stages import removal as stage

    content, root = near(files.read_json(manifest), data_root_of(options["data_root"], config))
    split = manifest.with_name("split.npz")
    stage.run(slice_, seed, supernet, content, split, root, out, device)


@click.command()
@click.option("--strength", type=Path, required=True, help="strength.npz of a search")
@click.option("--strategy", default="shapley", show_default=True, help="strategy label of it")
@click.option("--dataset", required=True, help="data set whose test accuracies rank")
@click.option("--table", type=Path, help="the table that knows it")
@click.option("--out", type=Path, required=True, help="folder of the results")
@job_option
@config_options
def ranking(
    strength: Path,
    strategy: str,
    dataset: str,
    table: Path | None,
    out: Path,
    job: str | None,
    **options: Any,
) -> None:
    """Correlate mean operation strength with the table's test accuracies (Figure 5)."""
    from pipeline.stages import ranking as stage

    slice_ = job_from(
        job,
        jobs.RankingJob,
        lambda: jobs.ranking_job(configuration_of(options), "nasbench201", dataset, strategy),
    )
    stage.run(slice_, strength, dataset, table, out)


@click.command()
@click.option("--space", default="nasbench201", show_default=True)
@click.option("--strategy", help="strategy label")
@click.option("--dataset", required=True, help="data set whose accuracies are searched")
@click.option("--table", type=Path, help="the table that knows it")
@click.option("--seeds", type=click.IntRange(1), default=500, show_default=True)
@click.option("--manifest", type=Path, help="manifest.json, for a strategy that trains a supernet")
@click.option("--out", type=Path, required=True, help="folder of the results")
@job_option
@data_root_option
@where_options
@config_options
def queries(
    space: str,
    strategy: str | None,
    dataset: str,
    table: Path | None,
    seeds: int,
    manifest: Path | None,
    out: Path,
    job: str | None,
    **options: Any,
) -> None:
    """Search under many seeds in one process: of the table, or of seconds on tiny images."""
    config = configuration_of(options)
    slice_ = job_from(
        job, jobs.SearchJob, lambda: jobs.search_job(config, space, need(strategy=strategy))
    )
    device = configure(options)
    from pipeline.stages import queries as stage

    content = files.read_json(manifest) if manifest else None
    split = manifest.with_name("split.npz") if manifest else None
    root = data_root_of(options["data_root"], config)
    stage.run(slice_, seeds, dataset, table, out, content, split, root, device)
