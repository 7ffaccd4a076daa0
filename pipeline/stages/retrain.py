"""Retrain and transfer: a found network is trained from scratch and tested once, at the end.

One stage serves both verbs: the recipe and the layout come with the job, how images are augmented
with the kind of data. It writes `model.pt` (a ready model), `metrics.json` and `history.csv`.
Under torchrun every rank runs it, and rank 0 writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from pipeline import devices, networks, seeds
from pipeline.config.jobs import RetrainJob
from pipeline.config.recipes import TrainSettings
from pipeline.data import Images, open_images
from pipeline.data.augment import Augment, FolderAugment
from pipeline.stages.stage import stage
from pipeline.training import distributed
from pipeline.training.distributed import Ranks
from pipeline.training.evaluation import ALONE, evaluate
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
    task = Task.of(job, seed, genotype, manifest, data_root, on)
    with distributed.joined(task.device) as ranks:
        if not ranks.first:
            network, _ = trained(task, None, lambda row: None, lambda line: None, ranks)
            tested(task, network, ranks)
            return
        with stage(name, out, job, seed, task.device.type, data=manifest) as s:
            network, history = trained(
                task,
                s.state / "train.pt",
                lambda row: s.epoch(row, int(row["epoch"])),
                s.log,
                ranks,
            )
            test = tested(task, network, ranks)
            s.log(f"test error {test['top1_error']:.4f}")
            counts = networks.profile(network, manifest["image_size"])
            networks.save_model(out / "model.pt", network, task.genotype, job.layout, manifest)
            metrics = metrics_of(history, test, counts, task.recipe)
            s.finish(metrics, history, model=out / "model.pt")


@dataclass(frozen=True)
class Task:
    """What is trained, how and on what.

    Attributes:
        layout: the frame of the cells.
        recipe: its channels and cells are the network's.
        seed: of the weights, the order of images, augmentation and dropped paths.
        genotype: the cells.
        manifest: of the prepared data set.
        data_root: where it lies.
        device: where to train.
    """

    layout: str
    recipe: TrainSettings
    seed: int
    genotype: Genotype
    manifest: Mapping[str, Any]
    data_root: Path
    device: torch.device

    @classmethod
    def of(
        cls,
        job: RetrainJob,
        seed: int,
        genotype: str,
        manifest: Mapping[str, Any],
        data_root: Path,
        on: str,
    ) -> Task:
        """The task of a job, its network within the job's budget.

        Raises:
            InputError: no such genotype or device, or no network fits the budget.
        """
        found = networks.resolve(genotype)
        recipe = _within_budget(found, job, manifest)
        return cls(job.layout, recipe, seed, found, manifest, data_root, devices.resolve(on))

    def identity(self) -> dict[str, Any]:
        """What the bits of the training depend on."""
        return {
            "seed": self.seed,
            "data": self.manifest["fingerprint"],
            "genotype": self.genotype.to_json(),
            "layout": self.layout,
            **self.recipe.model_dump(mode="json", exclude=CHANGES_NO_BIT),
        }


def trained(
    task: Task,
    state: Path | None,
    on_epoch: Callable[[dict[str, float]], None],
    log: Callable[[str], None],
    ranks: Ranks = ALONE,
) -> tuple[Network, list[dict[str, float]]]:
    """The trained network and a row an epoch; no test image is opened. See `training.train`."""
    recipe, where = task.recipe, task.device
    network = networks.build_seeded(
        task.seed,
        task.genotype,
        task.layout,
        task.manifest["classes"],
        recipe.channels,
        recipe.cells,
        recipe.auxiliary_weight > 0,
    )
    images, held_out = training_images(task.manifest, task.data_root, recipe, where)
    augment = augmentation(task.manifest["kind"], recipe)
    history = train(
        network, images, augment, recipe, task.seed, where, state, task.identity(), on_epoch, log,
        held_out=held_out, ranks=ranks,
    )  # fmt: skip
    return network, history


def tested(task: Task, network: Network, ranks: Ranks) -> dict[str, float]:
    """Errors on the test set, which is opened here and nowhere before."""
    test = _open("test", task.manifest, task.data_root, task.recipe, task.device)
    return evaluate(network, test, task.recipe, task.device, ranks)


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
