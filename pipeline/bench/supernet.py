"""Times the fast supernet against the readable one (eager, float32, contiguous).

- Images have 32 x 32 pixels. The weights are untrained.
- A training step is a forward pass and a backward pass that computes gradients of the weights.
- A forward pass computes no gradients. Its row names the statistics that batch norms use.
- A walk removes players one at a time and recomputes only what each removal changes.
- `*_peak_mb` is the peak memory of a training step without weights and images.
- `convolutions` is the share of the fast supernet's CPU time spent in convolutions.
"""
# Tested in tests/test_bench.py.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline import devices, registry
from pipeline.bench.memory import peak_megabytes
from pipeline.bench.timing import compare, convolution_share
from pipeline.config.recipes import SupernetSettings
from pipeline.supernet import ActivationCache, Supernet, build_supernet, evaluation_mode, mixture

SIZE = 32
SIZES: dict[str, dict[str, Any]] = {
    "darts": {"channels": 16, "cells": 8, "partial_channels": 4},
    "nasbench201": {"channels": 16, "cells": 1, "partial_channels": 1, "include_none": True},
}
BATCHES = {"darts": 64, "nasbench201": 128}
POLICIES = {"darts": "batch", "nasbench201": "running"}
STEPS = 10  # removals of a walk; half of them come before half of the players are removed
READABLE = {"fused": False, "channels_last": False}
Pair = tuple[Callable[[], object], Callable[[], object]]  # baseline, fast form


def rows(repeats: int = 7, compiled: bool = True) -> list[dict[str, Any]]:
    """Time training steps and forward passes in DARTS and NAS-Bench-201; one row per comparison.

    `repeats` is the number of timed calls of each function. `compiled` adds a row for the compiled
    training step of NAS-Bench-201; compilation takes minutes.
    """
    return [row for name in SIZES for row in rows_of(name, repeats, compiled)]


def rows_of(name: str, repeats: int, compiled: bool) -> list[dict[str, Any]]:
    """The rows of one space."""
    readable, fast = make(name, **READABLE), make(name)
    generator = torch.Generator().manual_seed(0)
    device = devices.resolve("auto")
    images = torch.randn(BATCHES[name], 3, SIZE, SIZE, generator=generator).to(device)
    facts = {"batch_size": len(images), "threads": torch.get_num_threads(), "device": device.type}
    forms = {"training step": fast, "training step, checkpointed": make(name, checkpoint=True)}
    if compiled and name == "nasbench201":
        forms["training step, compiled"] = make(name, compile=True)
    plain = training(readable, images)
    steps = {form: (plain, training(supernet, images)) for form, supernet in forms.items()}
    passes = forward_passes(readable, fast, images, POLICIES[name], generator)
    rows = []
    for form, (before, now) in {**steps, **passes}.items():
        row = {"space": name, **compare(form, before, now, repeats), **facts}
        row["convolutions"] = convolution_share(now)
        if form in steps:
            row["baseline_peak_mb"] = peak_megabytes(before)
            row["ours_peak_mb"] = peak_megabytes(now)
        rows.append(row)
    return rows


def forward_passes(
    readable: Supernet, fast: Supernet, images: Tensor, policy: str, generator: torch.Generator
) -> dict[str, Pair]:
    """Name of a comparison -> the two functions whose times are compared.

    The first comparison is between the readable and the fast supernet. The other two compare passes
    of the fast supernet with all players to passes with about half of them, alone or in a walk.
    """
    everyone = torch.ones(fast.space.n_players, dtype=torch.bool)
    half = torch.rand(fast.space.n_players, generator=generator).argsort() % 2 == 0
    order = torch.randperm(fast.space.n_players, generator=generator)
    whole = forward(fast, images, everyone, "batch")
    return {
        f"forward, {policy} statistics": (
            forward(readable, images, everyone, policy),
            forward(fast, images, everyone, policy),
        ),
        "forward, half removed, against all, batch statistics": (
            whole,
            forward(fast, images, half, "batch"),
        ),
        f"{STEPS} removals past half, against as many of all, batch statistics": (
            lambda: [whole() for _ in range(STEPS)],
            walk(fast, images, order),
        ),
    }


def make(name: str, **changes: Any) -> Supernet:
    """A supernet of the space; `changes` of the settings do not change its weights."""
    settings = SupernetSettings(**SIZES[name] | changes)
    supernet: Supernet = build_supernet(registry.get("spaces", name)(settings), settings, 10, 0)
    return supernet.to(devices.resolve("auto"))


def training(supernet: Supernet, images: Tensor) -> Callable[[], None]:
    """A function that runs a training step."""
    space = supernet.space
    weights = mixture(space, torch.zeros(space.n_players)).to(images.device)
    labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)

    def once() -> None:
        supernet.train().zero_grad()
        F.cross_entropy(supernet(images, weights), labels).backward()

    return once


def forward(
    supernet: Supernet, images: Tensor, coalition: Tensor, policy: str
) -> Callable[[], None]:
    """A function that runs a forward pass of a coalition without gradients."""
    space = supernet.space
    weights = mixture(space, torch.zeros(space.n_players), coalition).to(images.device)

    def once() -> None:
        with torch.no_grad(), evaluation_mode(supernet, policy):
            supernet(images, weights)

    return once


def walk(supernet: Supernet, images: Tensor, order: Tensor) -> Callable[[], None]:
    """A function that runs `STEPS` forward passes, each with one player fewer, and with a cache.

    Players are removed in `order`, int64[n_players]. Halfway, half of the players are left.
    """
    space = supernet.space
    middle = space.n_players // 2
    coalitions = []
    for n_left in range(middle - STEPS // 2, middle + STEPS // 2):
        coalition = torch.ones(space.n_players, dtype=torch.bool)
        coalition[order[:n_left]] = False
        coalitions.append(mixture(space, torch.zeros(space.n_players), coalition).to(images.device))

    def once() -> None:
        cache = ActivationCache()
        with torch.no_grad(), evaluation_mode(supernet, "batch"):
            for weights in coalitions:
                supernet(images, weights, cache)

    return once
