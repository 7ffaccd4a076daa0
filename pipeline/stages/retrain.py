"""Retrain and transfer: a network is trained from scratch and tested once, at the end.

One stage serves both verbs: the recipe and the layout come with the job, how images are augmented
with the kind of data. It writes `model.pt` (a ready model), `metrics.json` and `history.csv`.
Under torchrun every rank runs it, and rank 0 writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import torch

from pipeline import devices, networks, seeds
from pipeline.config.jobs import RetrainJob
from pipeline.config.recipes import TrainSettings
from pipeline.data import Images, open_images
from pipeline.data.augment import Augment, FolderAugment
from pipeline.data.manifest import images_of_share
from pipeline.networks.network import Network
from pipeline.spaces.genotype import Genotype
from pipeline.stages.stage import Stage, stage
from pipeline.training import distributed
from pipeline.training.distributed import Ranks
from pipeline.training.evaluation import ALONE, evaluate
from pipeline.training.trainer import Row, Trainer, best_epoch

CHANGES_NO_BIT = {"workers", "checkpoint_steps"}


def run(
    name: str,
    job: RetrainJob,
    seed: int,
    genotype: str,
    manifest: Mapping[str, Any],
    data_root: Path,
    out: Path,
    device: str = "auto",
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
        device: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: genotype, data or settings do not fit; a checkpoint of other settings lies in
            the way; the training diverged.
    """
    task = Task.from_job(job, seed, genotype, manifest, data_root, device)
    with distributed.joined(task.device) as ranks:
        if not ranks.first:
            measure_test(task, train(task, None, ranks)[0], ranks)
            return
        with stage(name, out, job, seed, task.device.type, data=manifest) as s:
            network, history = train(task, s, ranks)
            test = measure_test(task, network, ranks)
            s.log(f"test error {test['top1_error']:.4f}")
            counts = networks.profile(network, manifest["image_size"])
            networks.save_model(out / "model.pt", network, task.genotype, job.layout, manifest)
            metrics = metrics_of(history, test, counts, task.recipe)
            s.finish(metrics, history, model=out / "model.pt")


@dataclass(frozen=True)
class Task:
    """What is trained, how and on what; a trial trains one too."""

    layout: str  # the frame of the cells
    recipe: TrainSettings  # its channels and cells are the network's
    seed: int  # of the weights, the order of images, augmentation and dropped paths
    genotype: Genotype  # the cells
    manifest: Mapping[str, Any]  # of the prepared data set
    data_root: Path  # where it lies
    device: torch.device  # where to train

    @classmethod
    def from_job(
        cls,
        job: RetrainJob,
        seed: int,
        genotype: str,
        manifest: Mapping[str, Any],
        data_root: Path,
        device: str,
    ) -> Task:
        """The task of a job, its network within the job's budget.

        Raises:
            InputError: no such genotype or device, or no network fits the budget.
        """
        cells = networks.resolve(genotype)
        recipe = _within_budget(cells, job, manifest)
        torch_device = devices.resolve(device)
        return cls(job.layout, recipe, seed, cells, manifest, data_root, torch_device)

    def identity(self) -> dict[str, Any]:
        """What the bits of the training depend on."""
        return {
            "seed": self.seed,
            "data": self.manifest["fingerprint"],
            "genotype": self.genotype.to_json(),
            "layout": self.layout,
            **self.recipe.model_dump(mode="json", exclude=CHANGES_NO_BIT),
        }

    def network(self) -> Network:
        """The network with the weights that it starts from."""
        return networks.build_seeded(
            self.seed,
            self.genotype,
            self.layout,
            self.manifest["classes"],
            self.recipe.channels,
            self.recipe.cells,
            self.recipe.auxiliary_weight > 0,
        )


def train(task: Task, s: Stage | None, ranks: Ranks = ALONE) -> tuple[Network, list[Row]]:
    """The trained network and a row for each epoch; no test image is opened.

    Args:
        task: what is trained.
        s: takes the checkpoint, the rows and the log; None on ranks that write nothing.
        ranks: who takes part.
    """
    network = task.network()
    images, held_out = training_images(task)
    augment = augmentation(task.manifest["kind"], task.recipe)
    reports: dict[str, Any] = {}
    if s is not None:
        reports = {
            "state": s.state / "train.pt",
            "on_epoch": lambda row: s.epoch(row, int(row["epoch"])),
            "log": s.log,
        }
    trainer = Trainer(
        network,
        images,
        augment,
        task.recipe,
        task.seed,
        task.device,
        settings=task.identity(),
        held_out=held_out,
        ranks=ranks,
        **reports,
    )
    return network, trainer.train()


def measure_test(task: Task, network: Network, ranks: Ranks) -> dict[str, float]:
    """Errors on the test set, which is opened here and nowhere before."""
    return evaluate(network, _open("test", task), task.recipe, task.device, ranks)


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


def training_images(task: Task) -> tuple[Images, Images | None]:
    """What is trained on, all but the held-out share, and that share if there is one."""
    images = _open("train", task)
    if not task.recipe.held_out:
        return images, None
    # The same for all runs on a data set, so that runs can be compared by it.
    order = seeds.numpy_generator(0, "held_out").permutation(images.n)
    n_held_out = images_of_share(task.recipe.held_out, images.n, "held_out")
    kept, held_out = np.sort(order[n_held_out:]), np.sort(order[:n_held_out])
    return images.only(kept), images.only(held_out)


def _open(part: Literal["train", "test"], task: Task) -> Images:
    """The whole training set, or for a trial its first images; or the test set."""
    limit, workers = task.recipe.limit_train, getattr(task.recipe, "workers", 0)
    device = str(task.device)
    images = open_images(task.manifest, task.data_root, part, device=device, workers=workers)
    return images.take(limit) if part == "train" and limit else images


def augmentation(kind: str, recipe: TrainSettings) -> Augment | FolderAugment:
    """How the training images of a data set of this kind are augmented."""
    if kind == "folder":
        return FolderAugment(recipe.flip, getattr(recipe, "colour_jitter", 0.0))
    return Augment(recipe.crop_padding, recipe.flip, recipe.cutout)


def metrics_of(
    history: list[Row],
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
        **{key: test[key] for key in ("top5_error",) if key in test},
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
