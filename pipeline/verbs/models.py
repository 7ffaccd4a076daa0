"""The verbs for networks: count, export, predict, evaluate."""

from __future__ import annotations

import csv
import glob
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from pipeline import devices
from pipeline.data.class_folders import SUFFIXES, files_below
from pipeline.errors import InputError
from pipeline.files import readable
from pipeline.networks import build, profile_genotype, resolve
from pipeline.networks import export as write_exported
from pipeline.networks.latency import fit_latency, latencies
from pipeline.networks.layouts import LAYOUTS, find_layout
from pipeline.networks.prediction import Classifier
from pipeline.stages import evaluate as evaluate_stage
from pipeline.verbs.given import Given
from pipeline.verbs.options import takes

FORMATS = ("program", "onnx", "safetensors")  # defaults; int8 is written only on request


@click.command()
@click.option("--genotype", "source", required=True, metavar="NAME|FILE|ARCH")
@click.option("--layout", type=click.Choice([*LAYOUTS]), default="cifar10")
@click.option("--classes", type=click.IntRange(1, 100_000), help="number of classes [10 or 1000]")
@click.option(
    "--channels", type=click.IntRange(1, 10_000), help="channels of the first cell [the layout's]"
)
@click.option("--cells", type=click.IntRange(1, 1000), help="number of cells [the layout's]")
@click.option(
    "--image-size", type=click.IntRange(1, 10_000), help="side of the images [the layout's]"
)
@click.option("--latency", is_flag=True, help="time 1 and 32 images on this device")
@click.option(
    "--max-ms",
    type=click.FloatRange(0, min_open=True),
    help="find the widest network that classifies an image in this time here",
)
@takes("device")
def profile(
    given: Given,
    source: str,
    layout: str,
    classes: int | None,
    channels: int | None,
    cells: int | None,
    image_size: int | None,
    latency: bool,
    max_ms: float | None,
) -> None:
    """Count parameters and multiply-adds of a discrete network; measure its latency on request."""
    frame = find_layout(layout)
    facts: dict[str, Any] = {}
    size = frame.image_size if image_size is None else image_size
    if latency or max_ms is not None:
        device = devices.resolve(given.configure_device())
        genotype = resolve(source)
    n_classes = classes or frame.classes
    if max_ms is not None:
        cells = cells or frame.cells
        channels, ms = fit_latency(genotype, layout, n_classes, cells, size, max_ms, device)
        facts = {"channels": channels, "cells": cells, "ms": round(ms, 4)}
    facts |= profile_genotype(source, layout, classes, channels, cells, size)
    if latency:
        network = build(genotype, layout, n_classes, channels, cells)
        facts["latency"] = [*latencies(network, size, device)]
    print(json.dumps(facts))


@click.command()
@click.option("--model", type=Path, required=True, help="model.pt of a retrain or transfer")
@click.option("--out", type=Path, required=True, help="folder of the exported files")
@click.option(
    "--form",
    "formats",
    multiple=True,
    type=click.Choice([*FORMATS, "int8"]),
    help="[all but int8, which needs --images]",
)
@click.option("--images", type=Path, help="class folders that calibrate int8")
@click.option("--test", type=Path, help="class folders to test int8 on")
def export(
    model: Path, out: Path, formats: tuple[str, ...], images: Path | None, test: Path | None
) -> None:
    """Write a trained network as torch.export program, ONNX, safetensors, with a model card."""
    print("\n".join(map(str, write_exported(model, out, formats or FORMATS, images, test))))


@click.command()
@click.option("--model", type=Path, required=True, help="model.pt of a retrain or transfer")
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="classes shown")
@click.option("--csv", "as_csv", is_flag=True, help="CSV with the probability of every class")
@click.argument("images", nargs=-1, required=True, metavar="FILE...")
@takes("device")
def predict(given: Given, model: Path, top: int, as_csv: bool, images: tuple[str, ...]) -> None:
    """Name the classes of images: files, folders or patterns such as photos/x?.jpg."""
    paths = list(dict.fromkeys(path for name in images for path in _images_of(name)))
    classifier = Classifier.load(model, given.configure_device())
    names, errors = classifier.class_names, []
    rows = csv.writer(sys.stdout, lineterminator="\n")
    if as_csv:
        rows.writerow(["file", "class", "probability", *(f"p({name})" for name in names)])
    else:
        print("file", *["class probability"] * min(top, len(names)), sep="  ")
    for path, answer in classifier.answers(paths):
        if isinstance(answer, InputError):
            errors.append(answer)
            continue
        best = answer.argsort(descending=True).tolist()
        numbers = [f"{p:.6f}" for p in answer.tolist()]
        if as_csv:
            rows.writerow([readable(path), names[best[0]], numbers[best[0]], *numbers])
        else:
            shown = "  ".join(f"{names[label]} {answer[label]:.4f}" for label in best[:top])
            print(f"{readable(path)}  {shown}")
    if errors:
        raise InputError(
            f"no answer for {len(errors)} of {len(paths)}: {'; '.join(map(str, errors[:20]))}"
        )


def _images_of(name: str) -> Iterator[Path]:
    """The files that an argument names; InputError if there are none."""
    path = Path(name)
    if path.is_dir():
        below = files_below(path, path.resolve().parent)
        images = sorted(Path(f.path) for f in below if f.name.lower().endswith(SUFFIXES))
    else:
        images = [path] if path.exists() else sorted(map(Path, glob.glob(name, recursive=True)))  # noqa: PTH207
    if not images:
        raise InputError(f"{readable(name)}: no such file, and no image of a folder or pattern")
    yield from images


@click.command()
@click.option("--model", type=Path, required=True, help="model.pt of a retrain or transfer")
@click.argument("folder", type=Path, required=False)
@takes("manifest", "data_root", "out", "device", "config")
def evaluate(given: Given, model: Path, folder: Path | None) -> None:
    """Measure a network on a folder with one subfolder per class, or on a data set's test images.

    Prints the overall accuracy and the accuracy of each class, with 95 % intervals. Also prints the
    accuracy of always predicting the most frequent class. With `--out`, also writes the confusion
    matrix (CSV and picture) and all predictions.
    """
    if (folder is None) == (given["manifest"] is None):
        raise InputError(
            "evaluate: give either a folder with a folder for each class or --manifest"
        )
    if folder is None:
        content, _, root = given.images(given["manifest"])
        images: Path | Mapping[str, Any] = content
    else:
        images, root = folder, Path()
    print(evaluate_stage.run(model, images, root, given["out"], given.configure_device()))
