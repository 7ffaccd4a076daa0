"""Verbs that look at what there is and write nothing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pipeline import bench as benches
from pipeline import registry


@click.command("list")
@click.argument(
    "kind",
    type=click.Choice(
        ["datasets", "spaces", "strategies", "estimators", "genotypes", "figures", "experiments"]
    ),
)
def list_(kind: str) -> None:
    """List what is registered, one name a line."""
    if kind == "experiments":
        known = sorted(path.stem for path in Path("config/experiments").glob("*.yaml"))
    else:
        known = registry.names(kind)
    print("\n".join(known))


@click.command()
@click.option("--genotype", "source", required=True, metavar="NAME|FILE|ARCH")
@click.option(
    "--layout", type=click.Choice(["cifar10", "imagenet", "nasbench201"]), default="cifar10"
)
@click.option("--classes", type=int, help="number of classes [10; ImageNet 1000]")
@click.option("--channels", type=int, help="channels of the first cell [the layout's]")
@click.option("--cells", type=int, help="number of cells [the layout's]")
@click.option("--image-size", type=int, help="side of the images [32; ImageNet 224]")
def profile(source: str, layout: str, **sizes: int | None) -> None:
    """Count parameters and multiply-adds of a discrete network."""
    from pipeline.networks.count import profile_genotype

    print(json.dumps(profile_genotype(source, layout, **sizes)))


@click.command()
@click.argument("what", type=click.Choice(benches.NAMES))
@click.option("--repeats", type=click.IntRange(1), default=7, show_default=True)
def bench(what: str, repeats: int) -> None:
    """Time what is fast here against its plain form, interleaved in one run."""
    print(json.dumps(benches.rows(what, repeats), indent=2))
