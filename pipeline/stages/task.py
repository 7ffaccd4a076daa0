"""The task of a training stage: what to train, on which images, with which recipe."""
# Tested in tests/stages/test_retrain.py.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from pipeline import devices, networks, seeds
from pipeline.config.jobs import RetrainJob
from pipeline.config.own_images import OwnTrain
from pipeline.config.recipes import TrainSettings
from pipeline.config.trainings import key_of
from pipeline.data import Images, open_images
from pipeline.data.augment import Augment, FolderAugment
from pipeline.data.manifest import images_of_share
from pipeline.errors import InputError
from pipeline.files import digest
from pipeline.networks.network import Network
from pipeline.spaces.genotype import Genotype
from pipeline.training.distributed import Ranks

CHANGES_NO_BIT = {"workers", "checkpoint_steps"}


@dataclass(frozen=True)
class Start:
    """A trained network from which another training starts."""

    model: Path  # `model.pt`; its classes may differ
    frozen: bool = False  # whether to train only the classifier

    def settle(self, recipe: TrainSettings) -> tuple[Genotype, str, TrainSettings]:
        """Genotype and layout of the model, and the recipe with the model's size."""
        meta = networks.load_model(self.model)[1]
        size = {"channels": meta["channels"], "cells": meta["cells"]}
        tower = {"auxiliary_weight": 0.0} if self.frozen else {}
        recipe = recipe.model_copy(update={**size, **tower, "max_macs": None, "max_params": None})
        return Genotype.from_json(meta["genotype"]), meta["layout"], recipe

    def load_into(self, network: Network) -> None:
        """Copy the model's weights into `network`, whose classifiers keep their initial weights."""
        weights = networks.load_model(self.model)[0].state_dict()
        ours = network.state_dict()
        body = {k: v for k, v in weights.items() if k in ours and "classifier." not in k}
        network.load_state_dict({**ours, **body})
        if self.frozen:
            network.freeze_body()

    def identity(self) -> dict[str, Any]:
        """Everything that can change the bits of the training."""
        return {"start": digest(self.model), "frozen": self.frozen}


@dataclass(frozen=True)
class Task:
    """A network with its recipe and images, for retraining and for trials."""

    layout: str  # the network around the cells
    recipe: TrainSettings  # has the network's channels and cells
    seed: int  # of the weights, the order of images, augmentation and dropped paths
    genotype: Genotype
    manifest: Mapping[str, Any]  # of the prepared data set
    data_root: Path
    device: torch.device
    key: str  # of the recipe in the configuration, such as `retrain.own`
    start: Start | None = None  # the trained network to start from

    @classmethod
    def from_job(
        cls,
        job: RetrainJob,
        seed: int,
        genotype: str | None,
        manifest: Mapping[str, Any],
        data_root: Path,
        device: str,
        start: Start | None = None,
    ) -> Task:
        """The task of a job, with a network within the job's limits on size.

        Raises:
            InputError: the genotype or device does not exist, no network is within the limits, or
                fewer than two training images remain.
        """
        key, layout = key_of(job.train, job.layout), job.layout
        recipe = _for_images(job.train, key, manifest)
        if start is not None:
            cells, layout, recipe = start.settle(recipe)
        elif genotype is not None:
            cells = networks.resolve(genotype)
            recipe = _within_budget(recipe, key, layout, cells, manifest)
        else:
            raise InputError("--genotype: missing; give a genotype, or a model by --start")
        torch_device = devices.resolve(device)
        return cls(layout, recipe, seed, cells, manifest, data_root, torch_device, key, start)

    def identity(self) -> dict[str, Any]:
        """Everything that can change the bits of the training."""
        return {
            "seed": self.seed,
            "data": self.manifest["fingerprint"],
            "genotype": self.genotype.to_json(),
            "layout": self.layout,
            **self.recipe.model_dump(mode="json", exclude=CHANGES_NO_BIT),
            **(self.start.identity() if self.start else {}),
        }

    def network(self) -> Network:
        """The network with its initial weights."""
        network = networks.build_seeded(
            self.seed,
            self.genotype,
            self.layout,
            self.manifest["classes"],
            self.recipe.channels,
            self.recipe.cells,
            self.recipe.auxiliary_weight > 0,
        )
        if self.start is not None:
            self.start.load_into(network)
        return network


def _for_images(recipe: TrainSettings, key: str, manifest: Mapping[str, Any]) -> TrainSettings:
    """The recipe with the values that depend on the number of training images.

    Raises:
        InputError: it is less than two; batch norms have no statistics of a single value.
    """
    n = min(manifest["n_train"], recipe.limit_train or manifest["n_train"])
    kept = n - _n_held_out(recipe, n, key)
    if kept < 2:
        raise InputError(
            f"{key}: limit_train {recipe.limit_train} and held_out {recipe.held_out} leave {kept} "
            f"of {manifest['n_train']} training images; change them so that 2 or more remain"
        )
    return recipe.for_images(kept) if isinstance(recipe, OwnTrain) else recipe


def _within_budget(
    recipe: TrainSettings, key: str, layout: str, genotype: Genotype, manifest: Mapping[str, Any]
) -> TrainSettings:
    """The recipe, with its network fitted to `max_macs` and `max_params`."""
    channels, cells = networks.fit(
        genotype,
        layout,
        manifest["classes"],
        recipe.channels,
        recipe.cells,
        manifest["image_size"],
        recipe.max_macs,
        recipe.max_params,
        key,
    )
    return recipe.model_copy(update={"channels": channels, "cells": cells})


def training_images(task: Task) -> tuple[Images, Images | None]:
    """The images to train on, and the held-out images (None if the recipe holds out none)."""
    images = open_part("train", task)
    if not task.recipe.held_out:
        return images, None
    # All runs hold out the same images, so that they can be compared.
    order = seeds.numpy_generator(0, "held_out").permutation(images.n)
    n_held_out = _n_held_out(task.recipe, images.n, task.key)
    kept, held_out = np.sort(order[n_held_out:]), np.sort(order[:n_held_out])
    return images.only(kept), images.only(held_out)


def _n_held_out(recipe: TrainSettings, n: int, key: str) -> int:
    """Number of held-out images among `n`; `key` is that of the recipe."""
    return images_of_share(recipe.held_out, n, f"{key}.held_out") if recipe.held_out else 0


def checked_test_images(task: Task, ranks: Ranks) -> Images | None:
    """The test images of a folder; each is decoded once, so that no training precedes an error.

    Small test sets are checked by their checksums when they are opened, after the training.

    Raises:
        InputError: images are missing or damaged, or have changed since `prepare`.
    """
    if task.manifest["kind"] != "folder":
        return None
    images = open_part("test", task)
    for _ in images.batches(task.recipe.micro_size, chosen=slice(ranks.rank, None, ranks.n)):
        pass
    return images


def open_part(part: Literal["train", "test"], task: Task) -> Images:
    """The training set (or its first `limit_train` images), or the test set."""
    limit, workers = task.recipe.limit_train, getattr(task.recipe, "workers", 0)
    device = str(task.device)
    images = open_images(task.manifest, task.data_root, part, device=device, workers=workers)
    return images.take(limit) if part == "train" and limit else images


def augmentation(kind: str, recipe: TrainSettings) -> Augment | FolderAugment:
    """How the training images of a data set of this kind are augmented."""
    if kind == "folder":
        named = ("colour_jitter", "crop_scale")
        return FolderAugment(
            recipe.flip, **{key: getattr(recipe, key) for key in named if hasattr(recipe, key)}
        )
    return Augment(recipe.crop_padding, recipe.flip, recipe.cutout)
