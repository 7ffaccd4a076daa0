"""Errors of a network on images that are not augmented.

Accuracies and errors are fractions.
"""
# Tested in tests/training/test_trainer.py.

from __future__ import annotations

import torch
from torch.nn import functional as F

from pipeline.config.recipes import TrainSettings
from pipeline.data import Images
from pipeline.devices import autocast
from pipeline.networks.network import Network
from pipeline.training.distributed import Ranks
from pipeline.training.memory import memory_format

ALONE = Ranks()


@torch.inference_mode()
def evaluate(
    network: Network,
    images: Images,
    recipe: TrainSettings,
    device: torch.device,
    ranks: Ranks = ALONE,
) -> dict[str, float]:
    """Errors and cross entropy on un-augmented images, by running statistics.

    Returns:
        `accuracy`, `top1_error`, `top5_error` (where there are more than five classes) and `loss`
        (without smoothing), means over all images; the same on every rank.
    """
    network.eval()
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    hit_sum = torch.zeros(2, dtype=torch.int64, device=device)  # among the first one, first five
    size = recipe.micro_size
    for batch, labels in images.batches(size, chosen=slice(ranks.rank, None, ranks.n)):
        with autocast(device, recipe.precision):
            logits = network(batch.to(memory_format=memory_format(recipe, device))).float()
        loss_sum += F.cross_entropy(logits, labels, reduction="sum")
        hits = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
        hit_sum += torch.stack([hits[:, 0].sum(), hits.sum()])
    n_top1, n_top5 = ranks.sum(hit_sum).tolist()
    accuracy = n_top1 / images.n
    top5 = {"top5_error": 1 - n_top5 / images.n} if images.classes > 5 else {}
    return {
        "accuracy": accuracy,
        "top1_error": 1 - accuracy,
        **top5,
        "loss": ranks.sum(loss_sum).item() / images.n,
    }
