"""The verbs for the table of NAS-Bench-201, which do not need torch."""
# Tested in tests/verbs/test_verbs.py.

from __future__ import annotations

import json
from pathlib import Path

import click

from pipeline.config import jobs
from pipeline.errors import InputError
from pipeline.nasbench import Table
from pipeline.registry.tables import REFERENCES
from pipeline.stages import query as query_stage
from pipeline.stages import ranking as ranking_stage
from pipeline.verbs.given import Given
from pipeline.verbs.options import takes


@click.command()
@click.option("--index", type=int, help="official index of the architecture")
@click.option("--arch", help="architecture string, `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`")
@click.option("--genotype", type=Path, help="genotype.json")
@click.option(
    "--reference", type=click.Choice(REFERENCES), help="best of each column, or ResNet's block"
)
@takes("table", "out")
def query(
    given: Given,
    index: int | None,
    arch: str | None,
    genotype: Path | None,
    reference: str | None,
) -> None:
    """Look up an architecture in the NAS-Bench-201 table. Accuracies are in percent, as published.

    Prints JSON to stdout or, with `--out`, writes a folder of results.
    """
    if sum(value is not None for value in (index, arch, genotype, reference)) != 1:
        raise InputError("query: give exactly one of --index, --arch, --genotype, --reference")
    table, out = given["table"], given["out"]
    if out is not None and reference is not None:
        query_stage.run_reference(reference, table, out)
    elif out is not None and genotype is not None:
        query_stage.run(genotype, table, out)
    elif out is not None:
        raise InputError("query: --out needs --genotype or --reference")
    elif reference is not None:
        rows = Table.load(given.need("table"))
        print(json.dumps(query_stage.reference_of(reference, rows), indent=2))
    else:
        row = query_stage.look_up(given.need("table"), index, arch, genotype)
        print(json.dumps(row, indent=2))


@click.command()
@click.option("--source", type=Path, required=True, help="CSV, official .pth, or NATS-Bench file")
@click.option("--out", type=Path, required=True, help="compact table to write (.npy)")
def convert(source: Path, out: Path) -> None:
    """Convert a published file of NAS-Bench-201 to the compact table, a memory-mapped file."""
    Table.load(source).save(out)


@click.command()
@click.option("--strength", type=Path, required=True, help="strength.npz of a search")
@takes("space", "strategy", "dataset", "table", "job", "out", "config")
def ranking(given: Given, strength: Path) -> None:
    """Correlate mean operation strength with the table's test accuracies (Figure 5)."""
    space, dataset = given["space"] or "nasbench201", given.need("dataset")
    strategy = given["strategy"] or "shapley"
    job = given.job(jobs.RankingJob, lambda c: jobs.ranking_job(c, space, dataset, strategy))
    ranking_stage.run(job, strength, dataset, given["table"], given.out)
