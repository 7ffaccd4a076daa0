"""A training step of a found network: contiguous float32, eager, against the recipe's choices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pipeline import networks
from pipeline.bench.timing import compare
from pipeline.config.recipes import TrainSettings
from pipeline.training import device
from pipeline.training.optimisation import loss_of

CHANNELS, CELLS, BATCH, SIZE = 16, 5, 32, 32


def rows(repeats: int = 7) -> list[dict[str, Any]]:
    """Memory format and number format, one at a time, for the paper's CIFAR-10 cell."""
    where = device.resolve("auto")
    plain = TrainSettings(channels_last=False, precision="float32", compile=False)
    forms = {
        "channels_last": plain.model_copy(update={"channels_last": True}),
        "channels_last, bfloat16": plain.model_copy(
            update={"channels_last": True, "precision": "bfloat16"}
        ),
    }
    baseline = step(plain, where)
    found = [compare(name, baseline, step(form, where), repeats) for name, form in forms.items()]
    size = {"channels": CHANNELS, "cells": CELLS, "batch_size": BATCH, "device": where.type}
    return [{**row, **size} for row in found]


def step(recipe: TrainSettings, where: torch.device) -> Callable[[], None]:
    """One step of SGD on made-up images, as a call."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = networks.build("shapley_nas_cifar10", "cifar10", 10, CHANNELS, CELLS, True)
        images = torch.randn(BATCH, 3, SIZE, SIZE)
        labels = torch.randint(10, (BATCH,))
    memory_format = torch.channels_last if recipe.channels_last else torch.contiguous_format
    network.to(where).to(memory_format=memory_format).train()
    images, labels = images.to(where).to(memory_format=memory_format), labels.to(where)
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)

    def once() -> None:
        with device.autocast(where, recipe.precision):
            logits, auxiliary = network.forward_with_auxiliary(images)
        optimiser.zero_grad()
        loss_of(logits, auxiliary, labels, recipe).backward()
        optimiser.step()

    return once
