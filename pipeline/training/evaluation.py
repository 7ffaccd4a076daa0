"""Evaluation of a network on images that are not augmented; accuracies are fractions."""
# Tested in tests/training/test_trainer.py.

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from pipeline.config.recipes import TrainSettings
from pipeline.data import Images
from pipeline.devices import autocast
from pipeline.networks.network import Network
from pipeline.training.distributed import Ranks
from pipeline.training.memory import memory_format

ALONE = Ranks()


@dataclass(frozen=True)
class Evaluation:
    """The predictions of a network on some images."""

    confusion: np.ndarray  # int64 [classes, classes]: true class x predicted class
    n_top5: int  # images whose true class is among the five most likely classes
    loss: float  # mean cross entropy, without smoothing

    @property
    def n(self) -> int:
        """Number of images."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Fraction of images whose most likely class is the true class."""
        return int(self.confusion.trace()) / self.n

    @property
    def top1_error(self) -> float:
        """One minus the accuracy."""
        return 1 - self.accuracy

    @property
    def top5_error(self) -> float:
        """Fraction of images whose true class is not among the five most likely classes."""
        return 1 - self.n_top5 / self.n


@torch.inference_mode()
def evaluate(
    network: Network,
    images: Images,
    recipe: TrainSettings,
    device: torch.device,
    ranks: Ranks = ALONE,
) -> Evaluation:
    """Evaluate unaugmented images with running statistics; all ranks return the same result."""
    network.eval()
    classes = images.classes
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    counts = torch.zeros(classes**2 + 1, dtype=torch.int64, device=device)  # confusion, top five
    size = recipe.micro_size
    for batch, labels in images.batches(size, chosen=slice(ranks.rank, None, ranks.n)):
        with autocast(device, recipe.precision):
            logits = network(batch.to(memory_format=memory_format(recipe, device))).float()
        loss_sum += F.cross_entropy(logits, labels, reduction="sum")
        likeliest = logits.topk(min(5, classes)).indices
        cells = labels * classes + likeliest[:, 0]
        counts[:-1] += torch.zeros_like(counts[:-1]).scatter_add_(0, cells, torch.ones_like(cells))
        counts[-1] += (likeliest == labels[:, None]).sum()
    every = ranks.sum(counts).cpu().numpy()
    return Evaluation(
        confusion=every[:-1].reshape(classes, classes),
        n_top5=int(every[-1]),
        loss=ranks.sum(loss_sum).item() / images.n,
    )
