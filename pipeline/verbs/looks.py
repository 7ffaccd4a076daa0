"""The verbs that look at what there is and write nothing."""
# Tested in tests/verbs/test_verbs.py.

from __future__ import annotations

import json
from pathlib import Path

import click

from pipeline import bench as benches
from pipeline import registry

KINDS = ("datasets", "spaces", "strategies", "estimators", "genotypes", "figures", "experiments")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
def list_(kind: str) -> None:
    """List what is registered, one name per line."""
    if kind == "experiments":
        known = sorted(path.stem for path in Path("config/experiments").glob("*.yaml"))
    else:
        known = registry.names(kind)
    print("\n".join(known))


@click.command()
@click.argument("what", type=click.Choice(benches.NAMES))
@click.option("--repeats", type=click.IntRange(1), default=7, show_default=True)
def bench(what: str, repeats: int) -> None:
    """Time what is fast here against its plain form, interleaved in one run."""
    print(json.dumps(benches.rows(what, repeats), indent=2))
