"""Training a discrete network from scratch.

The recipe for small images is that of DARTS (Liu et al., ICLR 2019, section 3.1 and appendix A.2).
The recipe for ImageNet is that of the DARTS family. Two details differ: test images are not used
during training, and a last micro-batch with a single image is left out, because a batch norm of the
auxiliary head cannot normalise it.

All random draws depend only on (seed, epoch, micro-batch). So any number of ranks can continue from
a checkpoint.

Accuracies and errors are fractions; times are in seconds.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline import seeds
from pipeline.config.recipes import TrainSettings
from pipeline.data import Augment, FolderAugment, Images
from pipeline.moments import span
from pipeline.networks.network import Network
from pipeline.progress import progress
from pipeline.provenance import settings_digest
from pipeline.training import checkpoint, schedules, stopping
from pipeline.training.distributed import Ranks, digest_of
from pipeline.training.evaluation import ALONE, evaluate
from pipeline.training.memory import move_to_device
from pipeline.training.optimisation import Optimisation, Sums
from pipeline.training.steps import Plan, plan

Row = dict[str, float]


def ignore(_: Any) -> None:
    """Do nothing."""


@dataclass
class Position:
    """The progress of a run, stored in checkpoints."""

    history: list[Row] = field(default_factory=list)  # a row for each complete epoch
    step: int = 0  # steps done in the unfinished epoch
    # Totals of these steps, over all ranks
    sums: dict[str, Any] = field(default_factory=lambda: {"loss": 0.0, "n_correct": 0})
    seconds: float = 0.0  # duration of these steps
    # Weights of the best epoch on the held-out images, if there are any
    best: dict[str, Tensor] | None = None


@dataclass
class Trainer:
    """Trains one network.

    Raises:
        InputError: the ranks have different settings.
    """

    network: Network  # moved to `device` and trained in place
    images: Images  # the training images, on `device`
    augment: Augment | FolderAugment | None
    recipe: TrainSettings
    seed: int  # of the order of images, augmentation and dropped paths
    device: torch.device
    # File of the checkpoint, which only rank 0 needs; None: no checkpoint is written
    state: Path | None = None
    # Checkpoints made with other settings are refused
    settings: Mapping[str, Any] = field(default_factory=dict)
    key: str = "retrain"  # of the recipe in the configuration, for messages
    # Called with the row of each epoch, first with those in the checkpoint
    on_epoch: Callable[[Row], None] = ignore
    log: Callable[[str], None] = ignore  # called with a line to print
    # Evaluated after each epoch to find the best one
    held_out: Images | None = None
    # All have the same arguments except `state`, `on_epoch` and `log`
    ranks: Ranks = ALONE

    def __post_init__(self) -> None:
        self.ranks.check_agreement("settings", settings_digest(self.settings))
        move_to_device(self.network, self.recipe, self.device)
        self.optimisation = Optimisation(self.network, self.recipe, self.device, self.ranks)
        self.position = Position()

    def train(self) -> list[Row]:
        """Train up to the last epoch of the recipe, from the checkpoint if there is one.

        The network ends with the last weights, or with the best if the recipe's `keep` is "best".

        Returns:
            A row for each epoch: its number (from 0), training loss (with that of the auxiliary
            head) and accuracy, learning rate, drop path, seconds, images per second.

        Raises:
            InputError: the loss is not finite, the checkpoint has other settings, the weights
                differ between ranks, or the batch cannot be divided among the ranks.
            SystemExit: SIGTERM was received; the current step was finished and saved.
        """
        self.resume()
        history, n_epochs = self.position.history, self.recipe.epochs
        # Drop path uses torch's global generators, which are restored afterwards.
        generators = torch.random.fork_rng(["cuda"] if self.device.type == "cuda" else [])
        with generators, stopping.terminations() as terminated:
            for epoch in progress(range(len(history), n_epochs), "training"):
                row = self.epoch(epoch, terminated)
                if self.held_out is not None:
                    row |= self.measure_held_out(self.held_out)
                self.close_epoch(row)
                if terminated() and epoch + 1 < n_epochs:
                    raise SystemExit(stopping.EXIT_CODE)
        if self.recipe.keep == "best" and self.position.best is not None:
            self.network.load_state_dict(self.position.best)
        return history

    def epoch(self, epoch: int, terminated: Callable[[], bool] = lambda: False) -> Row:
        """Train from the current position to the end of the epoch; return a row of measurements.

        Raises:
            InputError: the loss is no longer finite.
            SystemExit: SIGTERM was received; the current step was finished and saved.
        """
        rate = schedules.learning_rate(self.recipe, epoch)
        self.optimisation.set_rate(rate)
        self.network.drop_path = schedules.drop_path(self.recipe, epoch)
        self.network.train()
        steps = plan(self.images.n, self.recipe, self.ranks, self.key)
        sums = Sums.zero(self.device)
        if self.ranks.first:
            sums.restore(self.position.sums)
        started = time.perf_counter() - self.position.seconds
        for step, micro_batches in steps.steps(self.position.step, self.batches(epoch, steps)):
            stop = self.optimisation.step(
                micro_batches,
                steps.n_images_of(step),
                lambda number: seeds.derive(self.seed, "drop_path", epoch, number),
                sums,
                terminated,
            )
            if step + 1 < steps.n_steps and (stop or self.checkpoint_is_due(step)):
                self.save_within(epoch, step + 1, sums, time.perf_counter() - started)
                if stop:
                    self.log(f"terminated in epoch {epoch + 1} after step {step + 1}; saved")
                    raise SystemExit(stopping.EXIT_CODE)
        total = sums.state(self.ranks)  # waits for the device
        seconds = time.perf_counter() - started
        self.check_finite(total["loss"], epoch, steps.n_steps)
        return {
            "epoch": epoch,
            "train_loss": total["loss"] / steps.n_used,
            "train_accuracy": total["n_correct"] / steps.n_used,
            "learning_rate": rate,
            "drop_path": self.network.drop_path,
            "seconds": seconds,
            "images_per_second": steps.n_used / seconds,
        }

    def batches(self, epoch: int, steps: Plan) -> Iterator[tuple[Tensor, Tensor]]:
        """This rank's micro-batches of an epoch from the current position on."""
        return self.images.batches(
            steps.micro_size,
            generator=seeds.torch_generator(self.seed, "images", epoch),
            augment=self.augment,
            drop_last=steps.drop_last,
            chosen=steps.chosen(self.position.step),
        )

    def measure_held_out(self, images: Images) -> Row:
        """Accuracy and loss on held-out images; keeps the weights if they are the best so far."""
        measured = evaluate(self.network, images, self.recipe, self.device, self.ranks)
        rows = self.position.history
        if all(measured.accuracy > row["held_out_accuracy"] for row in rows):
            self.position.best = copy.deepcopy(self.network.state_dict())
        return {"held_out_accuracy": measured.accuracy, "held_out_loss": measured.loss}

    def close_epoch(self, row: Row) -> None:
        """Add the row of a finished epoch to the history, report it and save a checkpoint."""
        history = self.position.history
        history.append(row)
        n = len(history)
        self.ranks.check_agreement(f"weights after epoch {n}", digest_of(self.network))
        self.position = Position(history, best=self.position.best)
        self.on_epoch(row)
        left = span((self.recipe.epochs - n) * sum(row["seconds"] for row in history) / n)
        self.log(f"epoch {n}/{self.recipe.epochs}: {_brief(row)}; about {left} left")
        self.save()

    def resume(self) -> None:
        """Continue from the checkpoint if there is one, and report the epochs that it contains.

        Raises:
            InputError: the checkpoint has other settings, or the weights differ between ranks.
        """
        # Rank 0 reads for all, so that no rank starts from a file that rank 0 finds damaged.
        reads = self.ranks.first and self.state
        content = self.ranks.share(checkpoint.load(reads, self.settings) if reads else None)
        if content:
            with checkpoint.restoring(self.state or "checkpoint"):
                self.position = Position(**content["position"])
                self.network.load_state_dict(content["network"])
                self.optimisation.load_state_dict(content["optimisation"])
            n, step = len(self.position.history), self.position.step
            within = f", step {step}" if step else ""
            self.log(f"resumed from epoch {n} of {self.recipe.epochs}{within}")
        self.ranks.check_agreement("weights", digest_of(self.network))
        for row in self.position.history:
            self.on_epoch(row)

    def save(self) -> None:
        """Write the checkpoint on rank 0; all ranks hold the same state."""
        if self.ranks.first and self.state:
            content = {
                "network": self.network.state_dict(),
                "optimisation": self.optimisation.state_dict(),
                "position": vars(self.position),
            }
            checkpoint.save(self.state, content, self.settings)

    def save_within(self, epoch: int, step: int, sums: Sums, seconds: float) -> None:
        """Write a checkpoint within an epoch, after its first `step` steps."""
        position = self.position
        position.step, position.sums, position.seconds = step, sums.state(self.ranks), seconds
        self.check_finite(position.sums["loss"], epoch, step)
        self.save()

    def checkpoint_is_due(self, step: int) -> bool:
        """Whether a checkpoint is due after this step, counted from 0."""
        every = self.recipe.checkpoint_steps
        return bool(every) and (step + 1) % every == 0

    def check_finite(self, loss: float, epoch: int, step: int) -> None:
        """Raise `InputError` if the loss or the weights are not finite."""
        rate = f"{self.key}.learning_rate ({self.recipe.learning_rate})"
        run = f"training, epoch {epoch + 1}, by step {step},"
        stopping.check_finite(loss, self.network, run, f"lower {rate} or set a gradient_clip")


def best_epoch(history: list[Row]) -> int:
    """The first epoch with the highest held-out accuracy."""
    return max(range(len(history)), key=lambda epoch: history[epoch]["held_out_accuracy"])


def _brief(row: Row) -> str:
    keys = ("train_loss", "train_accuracy", "held_out_accuracy", "seconds", "images_per_second")
    return ", ".join(f"{key} {row[key]:.4g}" for key in keys if key in row)
