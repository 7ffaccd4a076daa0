"""Compares our training step (`channels_last`, bfloat16) of a discrete network with plain PyTorch.

Plain PyTorch means eager float32, contiguous images and weights, torch's convolutions, and a
separate SGD update for each parameter. The networks have their published sizes. A batch has 16
images: with fewer, torch on one thread would use other convolution kernels than in a real training.
"""
# Tested in tests/test_bench.py.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pipeline import devices, networks
from pipeline.bench.timing import compare
from pipeline.config.recipes import TrainSettings
from pipeline.training.distributed import Ranks
from pipeline.training.memory import move_to_device
from pipeline.training.optimisation import Optimisation, Sums

# Layout -> (published genotype, channels, cells, batch, pixels).
SIZES = {
    "cifar10": ("shapley_nas_cifar10", 36, 20, 16, 32),
    "imagenet": ("shapley_nas_imagenet", 48, 14, 16, 224),
}


def rows(repeats: int = 7) -> list[dict[str, Any]]:
    """Two rows for each network of the paper: `channels_last` alone, and with bfloat16."""
    where = devices.resolve("auto")
    plain = TrainSettings(channels_last=False, precision="float32")
    forms = {
        "channels_last": plain.model_copy(update={"channels_last": True}),
        "channels_last, bfloat16": plain.model_copy(
            update={"channels_last": True, "precision": "bfloat16"}
        ),
    }
    found = []
    for layout, (cell, channels, cells, batch, pixels) in SIZES.items():
        size = {"channels": channels, "cells": cells, "batch_size": batch, "image_size": pixels}
        baseline = step(layout, plain, where, as_torch=True)
        for name, form in forms.items():
            row = compare(f"{layout}, {name}", baseline, step(layout, form, where), repeats)
            facts = {"threads": torch.get_num_threads(), "device": where.type}
            found.append({**row, "genotype": cell, **size, **facts})
    return found


def step(
    layout: str,
    recipe: TrainSettings,
    where: torch.device,
    as_torch: bool = False,
    batch_size: int | None = None,
) -> Callable[[], None]:
    """A function that takes one whole training step on random images."""
    cell, channels, cells, batch, pixels = SIZES[layout]
    batch = batch_size or batch
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = networks.build(cell, layout, 10, channels, cells, True)
        images = torch.randn(batch, 3, pixels, pixels).to(where)
        labels = torch.randint(10, (batch,)).to(where)
    network.to(where).train()
    if not as_torch:
        move_to_device(network, recipe, where)
    network.drop_path = recipe.drop_path
    optimisation = Optimisation(network, recipe, where, Ranks())
    if as_torch:
        optimisation.optimiser = torch.optim.SGD(
            network.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            foreach=False,
        )
    sums = Sums.zero(where)

    def once() -> None:
        with torch.random.fork_rng([where] if where.type == "cuda" else []):
            batches = iter([(0, (images, labels))])
            optimisation.step(batches, batch, lambda number: number, sums, lambda: False)

    return once
