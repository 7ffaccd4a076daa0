"""Training a discrete network from scratch.

The recipe is DARTS' (Liu et al., ICLR 2019, section 3.1 and appendix A.2) on small images and that
of the DARTS family on ImageNet: SGD with momentum, a schedule an epoch, gradient clipping, drop
path, an auxiliary tower, cutout or label smoothing. Deviations, both ours: a last micro-batch of a
single image is left out, since the auxiliary tower has no batch statistics for it; nothing here
sees the test set, where the family reports the test error of every epoch.

All that is random follows from (seed, epoch, micro-batch), so a checkpoint holds a position
(epoch, step) and no random state, and any number of ranks goes on from it.

Accuracies and errors are fractions, times seconds.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pipeline import seeds
from pipeline.config.recipes import TrainSettings
from pipeline.progress import progress
from pipeline.training import checkpoint, schedules, termination
from pipeline.training.distributed import Ranks, digest_of, digest_of_settings
from pipeline.training.divergence import check_finite
from pipeline.training.evaluation import ALONE, evaluate
from pipeline.training.memory import move_to_device
from pipeline.training.optimisation import Optimisation, Sums
from pipeline.training.steps import Plan, plan

if TYPE_CHECKING:
    from pipeline.data import Augment, FolderAugment, Images
    from pipeline.networks.network import Network

Row = dict[str, float]


@dataclass
class Position:
    """How far a run is: what a checkpoint holds beside weights and optimiser.

    Attributes:
        history: a row for each whole epoch.
        step: steps done of the epoch after those.
        sums: what these steps measured, over all ranks.
        seconds: what they took.
        best: weights of the epoch that was best on held-out images, if there are some.
    """

    history: list[Row] = field(default_factory=list)
    step: int = 0
    sums: dict[str, Any] = field(default_factory=lambda: {"loss": 0.0, "n_correct": 0})
    seconds: float = 0.0
    best: dict[str, torch.Tensor] | None = None


def train(
    network: Network,
    images: Images,
    augment: Augment | FolderAugment | None,
    recipe: TrainSettings,
    seed: int,
    device: torch.device,
    state: Path | None,
    settings: Mapping[str, Any],
    on_epoch: Callable[[Row], None],
    log: Callable[[str], None],
    held_out: Images | None = None,
    ranks: Ranks = ALONE,
) -> list[Row]:
    """Train to the recipe's last epoch, going on from the checkpoint where there is one.

    Args:
        network: a discrete network of `pipeline.networks`; moved to `device` and trained in place.
            It ends with the weights of the last epoch, or of the best one if the recipe says so.
        images: the training images, on `device`.
        augment: how each batch is augmented, as `images.batches` takes it.
        recipe: the training recipe.
        seed: of the order of images, augmentation and dropped paths.
        device: where to train.
        state: file of the checkpoint, written at the end of each epoch and now and then within.
            Only rank 0 needs it.
        settings: what the bits of the run depend on; a checkpoint of others is refused.
        on_epoch: takes the row of each epoch, those before the checkpoint first.
        log: takes a line for the reader.
        held_out: images to evaluate after each epoch, by which the best epoch is known.
        ranks: who takes part; each has the same arguments but for `state`.

    Returns:
        A row an epoch: number from 0, minimised loss, accuracy, learning rate, drop path, seconds,
        images a second.

    Raises:
        InputError: the loss is no longer finite, the checkpoint was made with other settings, the
            ranks do not agree, or the batch does not divide among them.
        SystemExit: SIGTERM came; the checkpoint is at the step that was at work.
    """
    ranks.check_agreement("settings", digest_of_settings(settings))
    move_to_device(network, recipe, device)
    run = _Run(network, recipe, device, ranks, state, settings, log)
    history = run.resume(on_epoch)
    with _global_generators_kept(device), termination.noted() as terminated:
        for epoch in progress(range(len(history), recipe.epochs), "training"):
            row = run.epoch(epoch, images, augment, seed, terminated)
            if held_out is not None:
                run.compare(row, evaluate(network, held_out, recipe, device, ranks))
            run.close(row, on_epoch)
            if terminated() and epoch + 1 < recipe.epochs:
                raise SystemExit(termination.EXIT_CODE)
    if recipe.keep == "best" and run.position.best is not None:
        network.load_state_dict(run.position.best)
    return history


class _Run:
    """One training run at work: network, optimisation and position, which a checkpoint joins."""

    def __init__(
        self,
        network: Network,
        recipe: TrainSettings,
        device: torch.device,
        ranks: Ranks,
        state: Path | None,
        settings: Mapping[str, Any],
        log: Callable[[str], None],
    ) -> None:
        self.network, self.recipe, self.device, self.ranks = network, recipe, device, ranks
        self.state, self.settings, self.log = state, settings, log
        self.optimisation = Optimisation(network, recipe, device, ranks)
        # Rank 0 reads for all: a file that it sets aside as damaged must not be another's start.
        found = checkpoint.load(state, settings) if ranks.first and state else None
        found = ranks.share(found)
        self.position = Position(**found["position"]) if found else Position()
        if found:
            network.load_state_dict(found["network"])
            self.optimisation.load_state_dict(found["optimisation"])

    def resume(self, on_epoch: Callable[[Row], None]) -> list[Row]:
        """Tell what the checkpoint, if there was one, had done; its epochs, to be added to.

        Raises:
            InputError: the ranks do not hold the same network.
        """
        history, step = self.position.history, self.position.step
        if history or step:
            within = f", step {step}" if step else ""
            self.log(f"resumed from epoch {len(history)} of {self.recipe.epochs}{within}")
        self.ranks.check_agreement("weights", digest_of(self.network))
        for row in history:
            on_epoch(row)
        return history

    def close(self, row: Row, on_epoch: Callable[[Row], None]) -> None:
        """Add a whole epoch to the history, tell of it and save.

        Raises:
            InputError: the ranks do not hold the same network.
        """
        history = self.position.history
        history.append(row)
        n = len(history)
        self.ranks.check_agreement(f"weights after epoch {n}", digest_of(self.network))
        self.position = Position(history, best=self.position.best)
        on_epoch(row)
        self.log(f"epoch {n}/{self.recipe.epochs}: {_brief(row)}")
        self.save()

    def save(self) -> None:
        """Write the checkpoint; rank 0 does, all hold the same."""
        if self.ranks.first and self.state:
            content = {
                "network": self.network.state_dict(),
                "optimisation": self.optimisation.state_dict(),
                "position": vars(self.position),
            }
            checkpoint.save(self.state, content, self.settings)

    def epoch(
        self,
        epoch: int,
        images: Images,
        augment: Augment | FolderAugment | None,
        seed: int,
        terminated: Callable[[], bool],
    ) -> Row:
        """Train the rest of an epoch; its row.

        Raises:
            InputError: the loss is no longer finite.
            SystemExit: SIGTERM came to any rank.
        """
        rate = schedules.learning_rate(self.recipe, epoch)
        self.optimisation.set_rate(rate)
        self.network.drop_path = schedules.drop_path(self.recipe, epoch)
        self.network.train()
        steps = plan(images.n, self.recipe, self.ranks)
        batches = images.batches(
            steps.micro_size,
            generator=seeds.torch_generator(seed, "images", epoch),
            augment=augment,
            drop_last=steps.drop_last,
            chosen=steps.chosen(self.position.step),
        )
        sums, seconds = self._steps(epoch, steps, batches, seed, terminated)
        self.check_finite(sums, epoch, steps.n_steps)
        return {
            "epoch": epoch,
            "train_loss": sums["loss"] / steps.n_used,
            "train_accuracy": sums["n_correct"] / steps.n_used,
            "learning_rate": rate,
            "drop_path": self.network.drop_path,
            "seconds": seconds,
            "images_per_second": steps.n_used / seconds,
        }

    def _steps(
        self, epoch: int, steps: Plan, batches: Any, seed: int, terminated: Callable[[], bool]
    ) -> tuple[dict[str, Any], float]:
        """Take the steps from the position on; what the whole epoch measured, and its seconds."""
        before, started = self.position.seconds, time.perf_counter()
        sums = Sums.zero(self.device)
        if self.ranks.first:
            sums.restore(self.position.sums)
        for step, micro_batches in steps.steps(self.position.step, batches):
            stopping = self.optimisation.step(
                micro_batches,
                steps.n_images_of(step),
                lambda number: seeds.derive(seed, "drop_path", epoch, number),
                sums,
                terminated,
            )
            every = self.recipe.checkpoint_steps
            due = stopping or (every and (step + 1) % every == 0)
            if due and step + 1 < steps.n_steps:
                self.position.step, self.position.sums = step + 1, sums.state(self.ranks)
                self.position.seconds = before + time.perf_counter() - started
                self.check_finite(self.position.sums, epoch, step + 1)
                self.save()
                if stopping:
                    self.log(f"terminated in epoch {epoch + 1} after step {step + 1}; saved")
                    raise SystemExit(termination.EXIT_CODE)
        total = sums.state(self.ranks)  # waits for the device
        return total, before + time.perf_counter() - started

    def check_finite(self, sums: Mapping[str, Any], epoch: int, step: int) -> None:
        """Stop before a checkpoint would hold what is no longer finite."""
        remedy = f"lower train.learning_rate ({self.recipe.learning_rate}) or set a gradient_clip"
        where = f"training, epoch {epoch + 1}, by step {step},"
        check_finite(sums["loss"], self.network, where, remedy)

    def compare(self, row: Row, measured: Mapping[str, float]) -> None:
        """Add what the held-out images say to the row, and keep the weights if they are best."""
        rows = self.position.history
        if all(measured["accuracy"] > earlier["held_out_accuracy"] for earlier in rows):
            self.position.best = copy.deepcopy(self.network.state_dict())
        row |= {"held_out_accuracy": measured["accuracy"], "held_out_loss": measured["loss"]}


def best_epoch(history: list[Row]) -> int:
    """The first epoch of the highest held-out accuracy."""
    return max(range(len(history)), key=lambda epoch: history[epoch]["held_out_accuracy"])


def _brief(row: Row) -> str:
    keys = ("train_loss", "train_accuracy", "held_out_accuracy", "seconds", "images_per_second")
    return ", ".join(f"{key} {row[key]:.4g}" for key in keys if key in row)


def _global_generators_kept(device: torch.device) -> Any:
    """Restore torch's global generators, from which paths are dropped, after the block."""
    return torch.random.fork_rng(["cuda"] if device.type == "cuda" else [])
