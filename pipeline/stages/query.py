"""The stage `query`: looks up a found cell in the table of NAS-Bench-201."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline import files
from pipeline.nasbench import Table
from pipeline.nasbench.protocols import RESNET_CELL
from pipeline.registry.tables import OPTIMAL
from pipeline.settings import Settings
from pipeline.spaces.genotype import Genotype
from pipeline.stages.stage import stage

MISSING = (
    "{}: the NAS-Bench-201 table is missing: put nas_bench_201/nas_bench_201.csv.gz into data_root "
    "or set nasbench_table"
)


class QueryJob(Settings):
    """The data set and the table of a look-up."""

    arch: str
    table: str | None


def look_up(
    table: Path,
    index: int | None = None,
    arch: str | None = None,
    genotype: Path | None = None,
) -> dict[str, Any]:
    """An architecture's values (accuracies in %), ranks and protocols in the table.

    The architecture is given as an index, a string or a genotype file.

    Raises:
        InputError: the table is incomplete, or the architecture is not in it.
    """
    if genotype is not None:
        arch = Genotype.load(genotype).to_arch_string()
    rows = Table.load(table)
    return row_of(rows, rows.index_of(arch) if arch is not None else index)


def row_of(rows: Table, index: int | None) -> dict[str, Any]:
    """The row of an index: values, ranks, the table's limits and protocols."""
    assert index is not None
    return {**rows.query(index), **rows.limits(), "protocols": rows.protocols()}


def reference_of(name: str, rows: Table) -> dict[str, Any]:
    """A reference row, with which the rows of found cells are compared.

    `optimal` has the largest value of each accuracy column, even from different architectures.
    Any other name gives the cell that equals ResNet's block.
    """
    if name != OPTIMAL:
        return row_of(rows, rows.index_of(RESNET_CELL))
    best = {column: rows.optimal(column) for column in rows.accuracies}
    return {
        **{column: row[column] for column, row in best.items()},
        **{f"rank_{column}": 1 for column in best},
        **{f"regret_{column}": 0.0 for column in best},
        "arch_of": {column: row["arch"] for column, row in best.items()},
        "protocols": rows.protocols(),
    }


def run_reference(name: str, table: Path | None, out: Path) -> None:
    """Write a reference row to `metrics.json`; without a table, only its name."""
    job = QueryJob(arch=name, table=str(table) if table else None)
    rows = Table.load(table) if table else None
    with stage("query", out, job, data=source(rows)) as s:
        if rows is None:
            s.log("no NAS-Bench-201 table at hand: nothing is looked up")
        s.finish(reference_of(name, rows) if rows else {"reference": name})


def run(genotype: Path, table: Path | None, out: Path) -> None:
    """Write a genotype's table row to `metrics.json`; without a table, its architecture string.

    Raises:
        InputError: the genotype is of another space, or the table is incomplete.
    """
    arch = Genotype.load(genotype).to_arch_string()
    job = QueryJob(arch=arch, table=str(table) if table else None)
    rows = Table.load(table) if table else None
    with stage("query", out, job, data=source(rows)) as s:
        if rows is None:
            s.log("no NAS-Bench-201 table at hand: the cell is not looked up")
            s.finish({"arch": arch})
        else:
            s.finish(row_of(rows, rows.index_of(arch)))


def source(rows: Table | None) -> dict[str, str] | None:
    """What `provenance.json` records about a table: its name and the digest of its file."""
    return {"name": rows.name, "fingerprint": files.digest(rows.path)} if rows else None
