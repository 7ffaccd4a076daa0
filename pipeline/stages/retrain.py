"""Retrain and transfer: a found network is trained from scratch and tested once, at the end.

One stage serves both verbs: the recipe and the layout come with the job, how images are augmented
with the kind of data. It writes `model.pt` (a ready model), `metrics.json` and `history.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from pipeline import networks
from pipeline.config.jobs import RetrainJob
from pipeline.config.recipes import TrainSettings
from pipeline.data import Images, open_images
from pipeline.data.augment import Augment, FolderAugment
from pipeline.stages.stage import stage
from pipeline.training import device
from pipeline.training.train import evaluate, train


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
    recipe = job.train
    found = networks.resolve(genotype)
    with stage(name, out, job, seed, where.type, data=manifest) as s:
        network = networks.build_seeded(
            seed,
            found,
            job.layout,
            manifest["classes"],
            recipe.channels,
            recipe.cells,
            recipe.auxiliary_weight > 0,
        )
        counts = networks.profile(network, manifest["image_size"])
        identity = {
            "seed": seed,
            "data": manifest["fingerprint"],
            "genotype": found.to_json(),
            "layout": job.layout,
            # `workers` changes no bit.
            **recipe.model_dump(mode="json", exclude={"workers"}),
        }
        history = train(
            network,
            _open("train", manifest, data_root, recipe, where),
            augmentation(manifest["kind"], recipe),
            recipe,
            seed,
            where,
            state=s.state / "train.pt",
            settings=identity,
            on_epoch=lambda row: s.epoch(row, int(row["epoch"])),
            log=s.log,
        )
        # Opened here and not before: nothing above has seen the test set.
        test = evaluate(network, _open("test", manifest, data_root, recipe, where), recipe, where)
        s.log(f"test error {test['top1_error']:.4f}")
        networks.save_model(out / "model.pt", network, found, job.layout, manifest)
        s.finish(metrics_of(history, test, counts), history, artifacts=[out / "model.pt"])


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
    history: list[dict[str, float]], test: Mapping[str, float], counts: Mapping[str, int]
) -> dict[str, float]:
    """What the report reads; accuracies and errors are fractions."""
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
    }
