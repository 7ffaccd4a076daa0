"""The verbs about networks: count one, and hand a trained one to other programs."""
# Tested in tests/networks/test_exported.py.

from __future__ import annotations

import json
from pathlib import Path

import click

from pipeline.networks import export as write_exported
from pipeline.networks import profile_genotype

FORMATS = ("program", "onnx", "safetensors")


@click.command()
@click.option("--genotype", "source", required=True, metavar="NAME|FILE|ARCH")
@click.option(
    "--layout", type=click.Choice(["cifar10", "imagenet", "nasbench201"]), default="cifar10"
)
@click.option(
    "--classes", type=click.IntRange(1, 100_000), help="number of classes [10; ImageNet 1000]"
)
@click.option(
    "--channels", type=click.IntRange(1, 10_000), help="channels of the first cell [the layout's]"
)
@click.option("--cells", type=click.IntRange(1, 1000), help="number of cells [the layout's]")
@click.option(
    "--image-size", type=click.IntRange(1, 10_000), help="side of the images [32; ImageNet 224]"
)
def profile(source: str, layout: str, **sizes: int | None) -> None:
    """Count parameters and multiply-adds of a discrete network."""
    print(json.dumps(profile_genotype(source, layout, **sizes)))


@click.command()
@click.option("--model", type=Path, required=True, help="model.pt of a retrain or transfer")
@click.option("--out", type=Path, required=True, help="folder of the exported files")
@click.option("--form", "formats", multiple=True, type=click.Choice(FORMATS), help="[all]")
def export(model: Path, out: Path, formats: tuple[str, ...]) -> None:
    """Write a trained network as torch.export program, ONNX, safetensors, with a model card."""
    print("\n".join(map(str, write_exported(model, out, formats or FORMATS))))
