"""The cost per epoch of each strategy, relative to first-order DARTS.

The space is NAS-Bench-201 with one cell per stage, and the images are noise. The timed epoch comes
after the warm-up, so it also updates alpha. Work done once per epoch or once per search (Shapley
values, controller, final choices) is made as small as possible, because it does not grow with the
number of steps. Memory is the peak of what an epoch allocates.
"""
# Tested in tests/test_bench.py.

from __future__ import annotations

from functools import partial
from statistics import median
from typing import Any

import torch

from pipeline import registry
from pipeline.bench.memory import peak_megabytes
from pipeline.bench.timing import work_seconds
from pipeline.config.recipes import NasBench201Search
from pipeline.data.small import SmallImages
from pipeline.strategies.contract import Strategy
from pipeline.supernet import build_supernet

N_IMAGES, BATCH, SIZE = 64, 32, 16
BASELINE = "darts"
EPOCH, EPOCHS = 1, 9
ONCE: dict[str, Any] = {
    "permutations": 1,
    "value_images": 1,
    "steps": 1,
    "samples": 1,
    "probes": 1,
    "stages": 1,
    "stage_warmup": 0.0,
    "start": 0.9,
}
RECIPE = NasBench201Search(
    epochs=EPOCHS, warmup_epochs=1, batch_size=BATCH, supernet={"cells": 1}, crop_padding=0
)


def rows(repeats: int = 5) -> list[dict[str, Any]]:
    """A row per strategy that trains a supernet; `cost` and `memory` are relative to DARTS."""
    made = {name: strategy for name in registry.names("strategies") if (strategy := _make(name))}
    train, valid = (noise(seed, N_IMAGES, SIZE, torch.device("cpu")) for seed in (0, 1))
    images = train, valid
    counts = {name: strategy.epoch(EPOCH, *images) for name, strategy in made.items()}
    times: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(repeats):
        for name, strategy in made.items():
            times[name].append(work_seconds(partial(strategy.epoch, EPOCH, *images)))
    before = median(times[BASELINE])
    held = {name: peak_megabytes(lambda s=s: s.epoch(EPOCH, *images)) for name, s in made.items()}  # type: ignore[misc]
    return [
        {
            "name": name,
            "baseline_s": before,
            "ours_s": median(times[name]),
            "ratio": before / median(times[name]),
            "cost": median(times[name]) / before,
            "peak_mb": held[name],
            "memory": held[name] / held[BASELINE],
            "repeats": repeats,
            "forward": counts[name]["images_forward"] / N_IMAGES,
            "backward": counts[name]["images_backward"] / N_IMAGES,
        }
        for name in made
    ]


def _make(name: str) -> Strategy | None:
    """The strategy, or None if it trains no supernet of this space."""
    entry = registry.entry("strategies", name)
    space = registry.get("spaces", "nasbench201")(RECIPE.supernet)
    if not entry.trains_supernet or not entry.supports(space.family):
        return None
    model = entry.settings_model()
    settings = model(**{k: v for k, v in ONCE.items() if k in model.model_fields})
    supernet = build_supernet(space, RECIPE.supernet, 10, 0)
    made: Strategy = entry.load()(space, supernet, settings, RECIPE, 0, torch.device("cpu"))
    return made


def noise(seed: int, n: int, size: int, device: torch.device) -> SmallImages:
    """Images of pure noise with ten classes."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (n, 3, size, size), generator=generator, dtype=torch.uint8)
    labels = torch.randint(10, (n,), generator=generator)
    return SmallImages(pixels.to(device), labels.to(device), 10, (0.5,) * 3, (0.25,) * 3)
