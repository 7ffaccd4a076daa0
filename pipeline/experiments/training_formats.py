"""Do channels_last and bfloat16 cost accuracy, and how much faster is a training step by them?

    python -m pipeline.experiments.training_formats --measurements docs/measurements

Accuracy: the paper's CIFAR-10 cell in a small network, trained on a part of the training images in
each form, from the same weights and on the same batches for a seed, and judged by training images
that it did not see; no test image is opened. A form's difference from float32 on contiguous images
is taken seed by seed. Speed: `python -m pipeline bench train`.
"""

from __future__ import annotations

import datetime
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from pipeline import devices, networks, provenance
from pipeline.analysis.intervals import summarise
from pipeline.bench import train as bench
from pipeline.config.recipes import TrainSettings
from pipeline.data import Images, find, open_images, prepare
from pipeline.data.augment import Augment
from pipeline.files import write_json
from pipeline.training.evaluation import evaluate
from pipeline.training.trainer import Trainer

GENOTYPE = "shapley_nas_cifar10"
# C below 16 is kept contiguous on a CPU, whatever the recipe says.
RECIPE = TrainSettings(
    channels=16, cells=3, epochs=2, batch_size=32, drop_path=0.0, checkpoint_steps=0
)
N_JUDGES = 2_000
FORMS: dict[str, dict[str, Any]] = {
    "float32, contiguous": {"channels_last": False},
    "float32, channels_last": {"channels_last": True},
    "bfloat16, channels_last": {"channels_last": True, "precision": "bfloat16"},
}


def accuracy(train_images: Images, judges: Images, form: Mapping[str, Any], seed: int) -> float:
    """Accuracy on the judging images after the last epoch of one training in a form."""
    recipe, where = RECIPE.model_copy(update=dict(form)), devices.resolve("cpu")
    classes = train_images.classes
    network = networks.build_seeded(
        seed, networks.resolve(GENOTYPE), "cifar10", classes, recipe.channels, recipe.cells, True
    )
    augment = Augment(recipe.crop_padding, recipe.flip, recipe.cutout)
    Trainer(network, train_images, augment, recipe, seed, where).train()
    return evaluate(network, judges, recipe, where)["accuracy"]


def accuracy_rows(images: Images, n_train: int, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """A row a form: its accuracy over the seeds, and its difference from the first form's."""
    chosen, judges = images.take(n_train), images.only(np.arange(n_train, n_train + N_JUDGES))
    found: dict[str, list[float]] = {form: [] for form in FORMS}
    for seed in seeds:  # the forms in turns: a run that is cut short has compared them all
        for form, changes in FORMS.items():
            found[form].append(100 * accuracy(chosen, judges, changes, seed))
            click.echo(f"seed {seed}, {form}: {found[form][-1]:.2f} %", err=True)
    plain = found[next(iter(FORMS))]
    rows = []
    for form, values in found.items():
        differences = [value - other for value, other in zip(values, plain, strict=True)]
        row = {
            "form": form,
            "accuracy": _number(values),
            "each": ", ".join(map("{:.2f}".format, values)),
        }
        rows.append(row if values is plain else {**row, "difference": _number(differences)})
    return rows


def _number(values: Sequence[float]) -> dict[str, Any]:
    summary = summarise(values)
    return {
        "mean": round(summary.mean, 3),
        "std": summary.deviation,
        "half_width": summary.half_width,
        "n": summary.n,
    }


def _made(flags: str, seeds: Sequence[int] | str) -> dict[str, Any]:
    record = provenance.collect({}, 0, "cpu", 0.0)
    machine = f"{record['cpu']}, {record['threads']} thread, torch {record['versions']['torch']}"
    return {
        "command": f"python -m pipeline.experiments.training_formats {flags}",
        "commit": record["git_commit"],
        "machine": f"{machine}; shared with other jobs",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "seeds": seeds,
    }


ACCURACY: dict[str, Any] = {
    "title": "Memory and number format of a training: does accuracy change?",
    "question": (
        "Is a network that is trained in channels_last, or in channels_last and bfloat16, as good "
        "as one in float32 on contiguous images?"
    ),
    "columns": {
        "form": "Form",
        "accuracy": "Accuracy (%)",
        "difference": "Difference from float32, contiguous, seed by seed (points)",
        "each": "Each seed (%)",
    },
    "does_not_show": [
        "The end of a long training: differences of a tenth of a point need many more images, "
        "epochs and seeds.",
        "Differences within the intervals, which few steps and seeds leave several points wide: "
        "the two float32 forms differ by the order of sums alone, and are as far apart.",
        "float16, and a GPU.",
    ],
}
SPEED: dict[str, Any] = {
    "title": "A training step of the published networks, beside plain eager float32",
    "question": (
        "How much faster is our step (memory format, number format, gradient of the depthwise "
        "convolutions, fused SGD) than the same network in plain eager float32 on contiguous "
        "images, in one run, interleaved, as medians?"
    ),
    "columns": {
        "name": "Layout and form",
        "channels": "C",
        "cells": "Cells",
        "batch_size": "Batch",
        "image_size": "Pixels",
        "baseline_cpu_s": "Plain (CPU s)",
        "ours_cpu_s": "Ours (CPU s)",
        "cpu_ratio": "Ratio",
        "ratio": "Ratio by the clock",
        "repeats": "Turns",
    },
    "notes": [
        "The published networks and image sizes; only the batch is smaller than the recipe's 96 "
        "and 128, though not below 16, where torch on one thread takes other kernels.",
    ],
    "does_not_show": [
        "What a GPU gains; decoding and augmentation of images, which are not in the step.",
        "The machine alone: other jobs ran beside it; CPU seconds tell more than the clock.",
    ],
}


@click.command()
@click.option("--data-root", envvar="SHAPLEY_NAS_DATA", type=Path, required=True)
@click.option("--measurements", type=Path, default=Path("docs/measurements"), show_default=True)
@click.option("--part", type=click.Choice(["accuracy", "speed"]), multiple=True, help="[both]")
@click.option("--images", "n_train", default=1_200, show_default=True)
@click.option("--seeds", "n_seeds", default=3, show_default=True)
@click.option("--repeats", default=7, show_default=True)
@click.option("--threads", default=1, show_default=True)
def main(
    data_root: Path,
    measurements: Path,
    part: tuple[str, ...],
    n_train: int,
    n_seeds: int,
    repeats: int,
    threads: int,
) -> None:
    """Write the measurements `training_formats.json` and `training_step.json`."""
    devices.configure(threads)
    if "accuracy" in (part or ("accuracy",)):
        with tempfile.TemporaryDirectory() as folder:
            manifest = prepare(find("cifar10", {}), data_root, folder, split_seed=0)
        images = open_images(manifest, data_root, "train")
        rows = accuracy_rows(images, n_train, range(n_seeds))
        size = (
            f"CIFAR-10; cell {GENOTYPE}, C = {RECIPE.channels}, {RECIPE.cells} cells; "
            f"{RECIPE.epochs} epochs of {n_train:,} training images, batch {RECIPE.batch_size}, "
            f"DARTS' recipe without drop path; judged by {N_JUDGES:,} other training images. "
            "± is half a 95 % t interval over seeds."
        )
        made = _made(f"--part accuracy --images {n_train} --seeds {n_seeds}", [*range(n_seeds)])
        path = measurements / "training_formats.json"
        write_json(path, {**ACCURACY, **made, "rows": rows, "notes": [size]})
        click.echo(json.dumps({"measurement": str(path)}))
    if "speed" in (part or ("speed",)):
        path = measurements / "training_step.json"
        made = _made(f"--part speed --repeats {repeats}", "none")
        write_json(path, {**SPEED, **made, "rows": bench.rows(repeats)})
        click.echo(json.dumps({"measurement": str(path)}))


if __name__ == "__main__":
    main()
