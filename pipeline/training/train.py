"""Training a discrete network from scratch, and its one look at the test set.

The recipe is DARTS' (Liu et al., ICLR 2019, section 3.1 and appendix A.2) on small images and that
of the DARTS family on ImageNet: SGD with momentum, a schedule an epoch, gradient clipping, drop
path, an auxiliary tower, cutout or label smoothing. Deviations, both ours: a last batch of a
single image is left out, since the auxiliary tower has no batch statistics for it; the network is
evaluated once, after the last epoch, where the family reports the test error of every epoch.

Accuracies and errors are fractions, times seconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline import seeds
from pipeline.config.recipes import TrainSettings
from pipeline.errors import InputError
from pipeline.progress import progress
from pipeline.training import checkpoint, schedules
from pipeline.training.device import autocast, compiled

if TYPE_CHECKING:
    from pipeline.data import Augment, FolderAugment, Images
    from pipeline.networks.network import Network

Row = dict[str, float]
Forward = Callable[[Tensor], tuple[Tensor, Tensor | None]]


def train(
    network: Network,
    images: Images,
    augment: Augment | FolderAugment | None,
    recipe: TrainSettings,
    seed: int,
    device: torch.device,
    state: Path,
    settings: Mapping[str, Any],
    on_epoch: Callable[[Row], None],
    log: Callable[[str], None],
) -> list[Row]:
    """Train to the recipe's last epoch, going on from the checkpoint where there is one.

    Args:
        network: a discrete network of `pipeline.networks`; moved to `device` and trained in place.
        images: the training images, on `device`.
        augment: how each batch is augmented, as `images.batches` takes it.
        recipe: the training recipe.
        seed: of the order of images, augmentation and dropped paths.
        device: where to train.
        state: file of the checkpoint, written at the end of each epoch.
        settings: what the bits of the run depend on; a checkpoint of others is refused.
        on_epoch: takes the row of each epoch, those before the checkpoint first.
        log: takes a line for the reader.

    Returns:
        A row an epoch: number from 0, minimised loss, accuracy, learning rate, drop path, seconds.

    Raises:
        InputError: the loss is no longer finite, or the checkpoint was made with other settings.
    """
    network.to(device).to(memory_format=_memory_format(recipe))
    optimiser = _optimiser(network, recipe)
    history = _resume(network, optimiser, state, settings)
    if history:
        log(f"resumed from epoch {len(history)} of {recipe.epochs}")
    for row in history:
        on_epoch(row)
    forward = _forward(network, recipe)
    for epoch in progress(range(len(history), recipe.epochs), "training"):
        started = time.perf_counter()
        rate = optimiser.param_groups[0]["lr"] = schedules.learning_rate(recipe, epoch)
        network.drop_path = schedules.drop_path(recipe, epoch)
        batches = images.batches(
            recipe.batch_size,
            generator=seeds.torch_generator(seed, "images", epoch),
            augment=augment,
            drop_last=images.n > 1 and images.n % recipe.batch_size == 1,
        )
        with _random_paths(device, seeds.derive(seed, "drop_path", epoch)):
            measured = _train_epoch(network, forward, batches, optimiser, recipe, device)
        if not math.isfinite(measured["train_loss"]):
            raise InputError(
                f"training diverged in epoch {epoch + 1}: lower train.learning_rate "
                f"({recipe.learning_rate}) or set train.gradient_clip"
            )
        took = {"drop_path": network.drop_path, "seconds": time.perf_counter() - started}
        history.append({"epoch": epoch, **measured, "learning_rate": rate, **took})
        on_epoch(history[-1])
        log(f"epoch {epoch + 1}/{recipe.epochs}: {_brief(history[-1])}")
        _save(network, optimiser, history, state, settings)
    return history


def _optimiser(network: Network, recipe: TrainSettings) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        network.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )


def _brief(row: Row) -> str:
    return ", ".join(f"{key} {row[key]:.4g}" for key in ("train_loss", "train_accuracy", "seconds"))


def _train_epoch(
    network: Network,
    forward: Forward,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimiser: torch.optim.Optimizer,
    recipe: TrainSettings,
    device: torch.device,
) -> Row:
    """One pass over the batches; the mean over the images of the minimised loss and accuracy."""
    network.train()
    n = 0
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    n_correct = torch.zeros((), dtype=torch.int64, device=device)
    for images, labels in batches:
        with autocast(device, recipe.precision):
            logits, auxiliary = forward(images.to(memory_format=_memory_format(recipe)))
        loss = loss_of(logits, auxiliary, labels, recipe)
        optimiser.zero_grad()
        loss.backward()
        if recipe.gradient_clip:
            nn.utils.clip_grad_norm_(network.parameters(), recipe.gradient_clip)
        optimiser.step()
        n += len(labels)
        loss_sum += loss.detach() * len(labels)
        n_correct += (logits.argmax(1) == labels).sum()
    return {"train_loss": loss_sum.item() / n, "train_accuracy": n_correct.item() / n}


def loss_of(
    logits: Tensor, auxiliary: Tensor | None, labels: Tensor, recipe: TrainSettings
) -> Tensor:
    """Cross entropy with label smoothing, plus that of the auxiliary tower times its weight.

    Args:
        logits: [b, classes].
        auxiliary: [b, classes], None for a network without a tower.
        labels: int64 [b].
        recipe: gives the smoothing and the weight.
    """
    loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
    if auxiliary is None:
        return loss
    tower = F.cross_entropy(auxiliary.float(), labels, label_smoothing=recipe.label_smoothing)
    return loss + recipe.auxiliary_weight * tower


@torch.inference_mode()
def evaluate(
    network: Network, images: Images, recipe: TrainSettings, device: torch.device
) -> dict[str, float]:
    """Errors and cross entropy on un-augmented images, by running statistics.

    Returns:
        `accuracy`, `top1_error`, `top5_error` (0 for up to five classes) and `loss` (without
        smoothing), means over all images.
    """
    network.eval()
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    n_top1, n_top5 = torch.zeros(2, dtype=torch.int64, device=device)
    for batch, labels in images.batches(recipe.batch_size):
        with autocast(device, recipe.precision):
            logits = network(batch.to(memory_format=_memory_format(recipe))).float()
        loss_sum += F.cross_entropy(logits, labels, reduction="sum")
        hits = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
        n_top1 += hits[:, 0].sum()
        n_top5 += hits.sum()
    accuracy = n_top1.item() / images.n
    return {
        "accuracy": accuracy,
        "top1_error": 1 - accuracy,
        "top5_error": 1 - n_top5.item() / images.n,
        "loss": loss_sum.item() / images.n,
    }


def _forward(network: Network, recipe: TrainSettings) -> Forward:
    """The forward pass of training, compiled if the recipe wants it."""
    plain = network.forward_with_auxiliary
    if not recipe.compile:
        return plain
    fast = compiled(plain)
    # A smaller last batch would be compiled for itself.
    return lambda images: (fast if len(images) == recipe.batch_size else plain)(images)


@contextmanager
def _random_paths(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch's global generators, from which paths are dropped, and restore them after."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _save(
    network: Network,
    optimiser: torch.optim.Optimizer,
    history: list[Row],
    path: Path,
    settings: Mapping[str, Any],
) -> None:
    content = {
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "history": history,
    }
    checkpoint.save(path, content, settings)


def _resume(
    network: Network,
    optimiser: torch.optim.Optimizer,
    path: Path,
    settings: Mapping[str, Any],
) -> list[Row]:
    """Put the checkpoint's state back, where there is one, and return the epochs behind it."""
    content = checkpoint.load(path, settings)
    if content is None:
        return []
    network.load_state_dict(content["network"])
    optimiser.load_state_dict(content["optimiser"])
    return content["history"]


def _memory_format(recipe: TrainSettings) -> torch.memory_format:
    return torch.channels_last if recipe.channels_last else torch.contiguous_format
