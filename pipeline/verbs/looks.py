"""The verbs that list registered things and test the GPU."""
# Tested in tests/verbs/test_verbs.py.

from __future__ import annotations

from pathlib import Path

import click

from pipeline import files, registry
from pipeline.config import layers
from pipeline.verbs.given import Given
from pipeline.verbs.options import takes

KINDS = ("datasets", "spaces", "strategies", "estimators", "genotypes", "figures", "experiments")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@takes("config")
def list_(given: Given, kind: str) -> None:
    """List all names of a kind, one per line; `datasets` includes your own folders."""
    known = layers.named_files(kind) if kind == "experiments" else registry.names(kind)
    if kind == "datasets":
        known = sorted({*known, *given.config.datasets})
    print("\n".join(known))


@click.command()
@click.option("--minutes", type=click.FloatRange(0), default=8, show_default=True)
@click.option("--out", type=Path, default=Path("docs/measurements/gpu_check.json"))
@click.option("--rates", type=Path, help="file of the speeds [pipeline/analysis/rates.json]")
@click.option("--tests/--no-tests", default=True, show_default=True, help="run tests marked gpu")
@click.option("--tiny", is_flag=True, help="use the smallest sizes; also works on a CPU")
def gpu_check(minutes: float, out: Path, rates: Path | None, tests: bool, tiny: bool) -> None:
    """Test and time this machine's GPU; write the results, and the speeds that `plan` uses."""
    from pipeline.bench import gpu  # loads torch

    content, speeds = gpu.check(minutes, tests, tiny)
    files.write_json(out, content)
    gpu.keep(speeds, *([rates] if rates else []))
    for row in content["rows"]:
        click.echo(f"{row['name']}: {row.get('seconds', row['outcome'])}")
