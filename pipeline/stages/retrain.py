"""Retrain and transfer: a found network is trained from scratch and tested once, at the end.

One stage serves both verbs: the recipe and the layout come with the job, how images are augmented
with the kind of data. It writes `model.pt` (a ready model), `metrics.json` and `history.csv`.
Under torchrun every rank runs it, and rank 0 writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from pipeline import networks, seeds
from pipeline.config.jobs import RetrainJob
from pipeline.config.recipes import TrainSettings
from pipeline.data import Images, open_images
from pipeline.data.augment import Augment, FolderAugment
from pipeline.stages.stage import stage
from pipeline.training import device, distributed
from pipeline.training.distributed import Ranks
from pipeline.training.evaluation import evaluate
from pipeline.training.train import best_epoch, train

if TYPE_CHECKING:
    from pipeline.networks.network import Network
    from pipeline.spaces.genotype import Genotype

CHANGES_NO_BIT = {"workers", "checkpoint_steps"}


def run(
    name: str,
    job: RetrainJob,
    seed: int,
    genotype: str,
    manifest: Mapping[str, Any],
    data_root: Path,
    out: Path,
    on: str = "auto",
) -> None:
    """Train a genotype on the whole training set, then look at the test set.

    Args:
        name: the verb, `retrain` or `transfer`.
        job: layout and recipe.
        seed: of the weights, the order of images, augmentation and dropped paths.
        genotype: a file, a published name, a NAS-Bench-201 string.
        manifest: of the prepared data set.
        data_root: where the data set lies.
        out: folder of the results.
        on: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: genotype, data or settings do not fit; a checkpoint of other settings lies in
            the way; the training diverged.
    """
    where = device.resolve(on)
    found = networks.resolve(genotype)
    recipe = _within_budget(found, job, manifest)
    arguments = (job.layout, recipe, seed, found, manifest, data_root, where)
    with distributed.joined(where) as ranks:
        if not ranks.first:
            _train_and_test(*arguments, ranks, None, lambda row: None, lambda line: None)
            return
        with stage(name, out, job, seed, where.type, data=manifest) as s:
            network, history, test = _train_and_test(
                *arguments,
                ranks,
                s.state / "train.pt",
                lambda row: s.epoch(row, int(row["epoch"])),
                s.log,
            )
            s.log(f"test error {test['top1_error']:.4f}")
            counts = networks.profile(network, manifest["image_size"])
            networks.save_model(out / "model.pt", network, found, job.layout, manifest)
            metrics = metrics_of(history, test, counts, recipe)
            s.finish(metrics, history, artifacts=[out / "model.pt"])


def _train_and_test(
    layout: str,
    recipe: TrainSettings,
    seed: int,
    genotype: Genotype,
    manifest: Mapping[str, Any],
    data_root: Path,
    where: torch.device,
    ranks: Ranks,
    state: Path | None,
    on_epoch: Callable[[dict[str, float]], None],
    log: Callable[[str], None],
) -> tuple[Network, list[dict[str, float]], dict[str, float]]:
    """What every rank does: the trained network, its epochs, its errors on the test set."""
    tower = recipe.auxiliary_weight > 0
    network = networks.build_seeded(
        seed, genotype, layout, manifest["classes"], recipe.channels, recipe.cells, tower
    )
    images, held_out = training_images(manifest, data_root, recipe, where)
    identity = {
        "seed": seed,
        "data": manifest["fingerprint"],
        "genotype": genotype.to_json(),
        "layout": layout,
        **recipe.model_dump(mode="json", exclude=CHANGES_NO_BIT),
    }
    augment = augmentation(manifest["kind"], recipe)
    history = train(
        network, images, augment, recipe, seed, where, state, identity, on_epoch, log,
        held_out=held_out, ranks=ranks,
    )  # fmt: skip
    # Opened here and not before: nothing above has seen the test set.
    test = _open("test", manifest, data_root, recipe, where)
    return network, history, evaluate(network, test, recipe, where, ranks)


def _within_budget(
    genotype: Genotype, job: RetrainJob, manifest: Mapping[str, Any]
) -> TrainSettings:
    """The recipe, its channels and cells shrunk to `max_macs` and `max_params` if it has them."""
    recipe = job.train
    if recipe.max_macs is None and recipe.max_params is None:
        return recipe
    channels, cells = networks.fit(
        genotype,
        job.layout,
        manifest["classes"],
        recipe.channels,
        recipe.cells,
        manifest["image_size"],
        recipe.max_macs,
        recipe.max_params,
    )
    return recipe.model_copy(update={"channels": channels, "cells": cells})


def training_images(
    manifest: Mapping[str, Any], data_root: Path, recipe: TrainSettings, where: torch.device
) -> tuple[Images, Images | None]:
    """What is trained on, all but the held-out share, and that share if there is one."""
    images = _open("train", manifest, data_root, recipe, where)
    if not recipe.held_out:
        return images, None
    # The same for all runs on a data set, so that runs can be compared by it.
    order = seeds.numpy_generator(0, "held_out").permutation(images.n)
    n_held_out = max(1, round(recipe.held_out * images.n))
    kept, held_out = np.sort(order[n_held_out:]), np.sort(order[:n_held_out])
    return images.only(kept), images.only(held_out)


def _open(
    part: Literal["train", "test"],
    manifest: Mapping[str, Any],
    data_root: Path,
    recipe: TrainSettings,
    where: torch.device,
) -> Images:
    """The whole training set, or for a trial its first images; or the test set."""
    workers = getattr(recipe, "workers", 0)
    images = open_images(manifest, data_root, part, device=str(where), workers=workers)
    return images.take(recipe.limit_train) if part == "train" and recipe.limit_train else images


def augmentation(kind: str, recipe: TrainSettings) -> Augment | FolderAugment:
    """How the training images of a data set of this kind are augmented."""
    if kind == "folder":
        return FolderAugment(recipe.flip, getattr(recipe, "colour_jitter", 0.0))
    return Augment(recipe.crop_padding, recipe.flip, recipe.cutout)


def metrics_of(
    history: list[dict[str, float]],
    test: Mapping[str, float],
    counts: Mapping[str, int],
    recipe: TrainSettings,
) -> dict[str, float]:
    """What the report reads; accuracies and errors are fractions."""
    held_out = {}
    if recipe.held_out:
        best = best_epoch(history)
        kept = best if recipe.keep == "best" else len(history) - 1
        held_out = {
            "best_epoch": best,
            "kept_epoch": kept,
            "held_out_accuracy": history[kept]["held_out_accuracy"],
        }
    return {
        "test_accuracy": test["accuracy"],
        "test_error": test["top1_error"],
        "top5_error": test["top5_error"],
        "test_loss": test["loss"],
        "train_loss": history[-1]["train_loss"],
        "params": counts["params"],
        "macs": counts["macs"],
        "seconds": sum(row["seconds"] for row in history),
        "epochs": len(history),
        "channels": recipe.channels,
        "cells": recipe.cells,
        "images_per_second": median(row["images_per_second"] for row in history),
        **held_out,
    }
