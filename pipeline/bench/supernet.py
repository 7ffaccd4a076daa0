"""A supernet's training step and forward pass: contiguous and eager, against channels_last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from pipeline import registry
from pipeline.bench.timing import compare
from pipeline.config.recipes import SupernetSettings
from pipeline.supernet import Supernet, mixture

BATCH, SIZE = 64, 32


def rows(repeats: int = 7) -> list[dict[str, Any]]:
    """NAS-Bench-201, one cell a stage: training step, evaluation, half of the players removed."""
    settings = SupernetSettings(cells=1, partial_channels=1, include_none=True, channels_last=False)
    space = registry.get("spaces", "nasbench201")(settings)
    plain = space.supernet(settings, 10, 0)
    last = settings.model_copy(update={"channels_last": True})
    ours = space.supernet(last, 10, 0).to(memory_format=torch.channels_last)
    images = torch.randn(BATCH, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    everyone = torch.ones(space.n_players, dtype=torch.bool)
    half = torch.arange(space.n_players) % 2 == 0
    return [
        compare("training step", training(plain, images), training(ours, images), repeats),
        compare(
            "forward", forward(plain, images, everyone), forward(ours, images, everyone), repeats
        ),
        compare(
            "forward, half removed",
            forward(ours, images, everyone),
            forward(ours, images, half),
            repeats,
        ),
    ]


def training(supernet: Supernet, images: torch.Tensor) -> Callable[[], None]:
    """Forward and backward pass of the weights, as a call."""
    weights = mixture(supernet.space, torch.zeros(supernet.space.n_players))
    labels = torch.zeros(len(images), dtype=torch.int64)

    def once() -> None:
        supernet.train().zero_grad()
        F.cross_entropy(supernet(images, weights), labels).backward()

    return once


def forward(
    supernet: Supernet, images: torch.Tensor, coalition: torch.Tensor
) -> Callable[[], None]:
    """A forward pass without gradient of a coalition, as a call."""
    weights = mixture(supernet.space, torch.zeros(supernet.space.n_players), coalition)

    def once() -> None:
        with torch.no_grad():
            supernet.eval()(images, weights)

    return once
