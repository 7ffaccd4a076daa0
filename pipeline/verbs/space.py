"""Verbs for disk space: list what fills the disk, and remove what is not needed."""
# Tested in tests/test_disk.py.

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from pipeline import disk as analysis
from pipeline.verbs.given import Given
from pipeline.verbs.options import takes

results_option = click.option(
    "--results", type=Path, default=Path("results"), show_default=True, help="folder of all presets"
)


@click.command()
@results_option
@click.option("--json", "as_json", is_flag=True, help="sizes in bytes, for other programs")
@takes("data_root", "config")
def disk(given: Given, results: Path, as_json: bool) -> None:
    """List what fills the disk by preset, stage and kind, largest first."""
    shares = analysis.usage(Path.cwd(), results, given.data_root)
    if as_json:
        print(json.dumps([dataclasses.asdict(share) for share in shares], indent=2))
        return
    table = Table("preset", "stage", "kind")
    for name in ("files", "size"):
        table.add_column(name, justify="right")
    for share in shares:
        numbers = (f"{share.n_files:,}", analysis.readable(share.size))
        table.add_row(share.preset, share.stage, share.kind, *numbers)
    total = sum(share.size for share in shares), sum(share.n_files for share in shares)
    table.add_section()
    table.add_row("all", "", "", f"{total[1]:,}", analysis.readable(total[0]))
    Console().print(table)


@click.command("clean-state")
@results_option
def clean_state(results: Path) -> None:
    """Remove the checkpoints of finished runs, and their journals if MLflow has all entries."""
    done = analysis.clean_state(results)
    print(f"{analysis.readable(done.size)} freed, {done.n_runs} finished runs")
    if done.n_waiting:
        print(
            f"{done.n_waiting} journals kept: MLflow does not have them yet "
            "(`python -m pipeline sync`)"
        )
