"""Verbs about trained networks: hand one to other programs, and what training one costs."""

from __future__ import annotations

from pathlib import Path

import click

FORMS = ("program", "onnx", "safetensors")


@click.command()
@click.option("--model", type=Path, required=True, help="model.pt of a retrain or transfer")
@click.option("--out", type=Path, required=True, help="folder of the exported files")
@click.option("--form", "forms", multiple=True, type=click.Choice(FORMS), help="[all]")
def export(model: Path, out: Path, forms: tuple[str, ...]) -> None:
    """Write a trained network as torch.export program, ONNX, safetensors, with a model card."""
    from pipeline.networks.exported import export as write

    print("\n".join(map(str, write(model, out, forms or FORMS))))


@click.command()
@click.option("--out", type=Path, default=Path("docs/cost.md"), show_default=True)
def cost(out: Path) -> None:
    """Render what the paper's trainings cost on a GPU."""
    from pipeline import files
    from pipeline.analysis.cost import render

    files.write_text(out, render())
