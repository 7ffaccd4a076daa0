"""Trains the network of a genotype, and tests the network once, at the end.

The verbs `retrain` and `transfer` use this stage. It writes `model.pt` (a complete model),
`metrics.json` and `history.csv`. Under torchrun every rank runs it, and only rank 0 writes files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from pipeline import networks
from pipeline.analysis import classification
from pipeline.config.jobs import RetrainJob
from pipeline.config.recipes import TrainSettings
from pipeline.data import Images
from pipeline.errors import InputError
from pipeline.networks.network import Network
from pipeline.networks.prediction import class_names_of
from pipeline.stages.stage import Stage, stage
from pipeline.stages.task import (
    Start,
    Task,
    augmentation,
    checked_test_images,
    open_part,
    training_images,
)
from pipeline.training import distributed
from pipeline.training.distributed import Ranks
from pipeline.training.evaluation import ALONE, Evaluation, evaluate
from pipeline.training.trainer import Row, Trainer, best_epoch

DIVERGED = 3  # times the loss of guessing; the loss includes auxiliary tower and label smoothing


def run(
    name: str,
    job: RetrainJob,
    seed: int,
    genotype: str | None,
    manifest: Mapping[str, Any],
    data_root: Path,
    out: Path,
    device: str = "auto",
    start: Start | None = None,
) -> None:
    """Train the network of a genotype on the training set, then measure it on the test set.

    `genotype` is a file, a published name or a NAS-Bench-201 string. If it is None, the genotype of
    `start`, a trained network to start from, is used. `name` is the verb.

    Raises:
        InputError: genotype, data and settings do not fit together, a checkpoint has other
            settings, or the training diverged.
    """
    task = Task.from_job(job, seed, genotype, manifest, data_root, device, start)
    with distributed.joined(task.device) as ranks:
        images = checked_test_images(task, ranks)
        if not ranks.first:
            measure_test(task, train(task, None, ranks)[0], ranks, images)
            return
        with stage(name, out, job, seed, task.device.type, data=manifest) as s:
            network, history = train(task, s, ranks)
            test = measure_test(task, network, ranks, images)
            write(s, task, network, history, test)


def write(s: Stage, task: Task, network: Network, history: list[Row], test: Evaluation) -> None:
    """Write the model, the tables of its test results, and the record of the stage.

    Raises:
        InputError: the test loss is not finite, although the training loss is.
    """
    if not math.isfinite(test.loss):
        rate = task.recipe.learning_rate
        raise InputError(f"training diverged: lower {task.key}.learning_rate ({rate})")
    s.log(f"test error {test.top1_error:.4f}: {classification.words(test)}")
    guessing, loss = math.log(task.manifest["classes"]), history[-1]["train_loss"]
    if loss > DIVERGED * guessing:
        s.log(
            f"warning: the training diverged: its last loss is {loss:.3g}, that of guessing "
            f"{guessing:.3g}; lower {task.key}.learning_rate ({task.recipe.learning_rate})"
        )
    tables = classification.write(test, class_names_of(task.manifest), s.out)
    counts = networks.profile(network, task.manifest["image_size"])
    model = s.out / "model.pt"
    networks.save_model(model, network, task.genotype, task.layout, task.manifest)
    s.finish(metrics_of(history, test, counts, task.recipe), history, tables, model=model)


def train(task: Task, s: Stage | None, ranks: Ranks = ALONE) -> tuple[Network, list[Row]]:
    """Train a network; return it and the metrics of each epoch. No test image is opened.

    `s` writes checkpoints, history and log. It is None on ranks that write nothing.
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
        key=task.key,
        held_out=held_out,
        ranks=ranks,
        **reports,
    )
    return network, trainer.train()


def measure_test(
    task: Task, network: Network, ranks: Ranks, images: Images | None = None
) -> Evaluation:
    """Evaluate the network on the test images, which are opened now unless they are given."""
    return evaluate(network, images or open_part("test", task), task.recipe, task.device, ranks)


def metrics_of(
    history: list[Row],
    test: Evaluation,
    counts: Mapping[str, int],
    recipe: TrainSettings,
) -> dict[str, float]:
    """The metrics for the report; accuracies and errors are fractions."""
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
        "test_accuracy": test.accuracy,
        "test_error": test.top1_error,
        **({"top5_error": test.top5_error} if len(test.confusion) > 5 else {}),
        "test_loss": test.loss,
        "majority_accuracy": classification.summary(test)["majority_accuracy"],
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
