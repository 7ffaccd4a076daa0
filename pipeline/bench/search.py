"""Wall time of weight training and Shapley estimation with one process and with two.

The space is NAS-Bench-201 with one cell per stage, and images are noise. The timed work is one
epoch of weight training, with two micro-batches per step, and an estimate from four whole
permutations.
"""
# Tested in tests/test_bench.py.

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import distributed, multiprocessing

from pipeline import registry
from pipeline.bench.strategies import noise
from pipeline.bench.timing import seconds
from pipeline.config.recipes import NasBench201Search
from pipeline.registry.strategies.shapley import ValueSettings
from pipeline.strategies.value_function import ValueFunction, shapley_values
from pipeline.supernet import build_supernet
from pipeline.training.distributed import Ranks

# Form -> (number of processes, threads per process).
FORMS = {
    "one process, one thread": (1, 1),
    "one process, two threads": (1, 2),
    "two processes, one thread each": (2, 1),
}
BASELINE = "one process, one thread"
N_IMAGES, BATCH, SIZE, CHANNELS = 512, 128, 16, 16
VALUE = {"estimator": "permutation", "permutations": 4, "value_images": 256}


def rows(
    repeats: int = 7, forms: Mapping[str, tuple[int, int]] = FORMS, **sizes: int
) -> list[dict[str, Any]]:
    """Return a row for each task (weight training, Shapley estimation) and each of `forms`.

    Args:
        repeats: timings of each form.
        forms: name -> (number of processes, threads per process), including the baseline.
        sizes: replacements for `n_images`, `batch`, `size`, `channels` and `value_images`.
    """
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(_process, (folder, repeats, dict(forms), sizes), nprocs=2)
        times = json.loads(Path(folder, "times.json").read_text())
    return [
        {
            "name": f"{part}: {form}",
            "baseline_s": (before := median(times[BASELINE][part])),
            "ours_s": (after := median(times[form][part])),
            "ratio": before / after,
            "repeats": repeats,
        }
        for part in ("epoch of weights", "Shapley pass")
        for form in forms
    ]


def _process(
    rank: int,
    folder: str,
    repeats: int,
    forms: Mapping[str, tuple[int, int]],
    sizes: dict[str, int],
) -> None:
    """One of the two processes; rank 0 writes all times to `times.json`."""
    meet = f"file://{folder}/meet"
    distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=2)
    times: dict[str, dict[str, list[float]]] = {form: {} for form in forms}
    parts = {n: _parts(Ranks(rank, n) if n > 1 else Ranks(), sizes) for n in (1, 2)}
    for turn in range(repeats + 1):
        for form, (n, threads) in forms.items():
            torch.set_num_threads(threads)
            distributed.barrier()
            if rank >= n:
                continue
            for name, part in parts[n].items():
                taken = seconds(part)
                if turn:  # the first turn only fills caches
                    times[form].setdefault(name, []).append(taken)
    distributed.barrier()
    if rank == 0:
        Path(folder, "times.json").write_text(json.dumps(times))
    distributed.destroy_process_group()


def _parts(ranks: Ranks, sizes: dict[str, int]) -> dict[str, Any]:
    """The timed functions."""
    batch, channels = sizes.get("batch", BATCH), sizes.get("channels", CHANNELS)
    recipe = NasBench201Search(
        epochs=2,
        batch_size=batch,
        micro_batch_size=batch // 2,
        supernet={"cells": 1, "channels": channels},
    )
    entry = registry.entry("strategies", "frozen")
    space = registry.get("spaces", "nasbench201")(recipe.supernet)
    supernet, cpu = build_supernet(space, recipe.supernet, 10, 0), torch.device("cpu")
    strategy = entry.load()(space, supernet, entry.settings_model()(), recipe, 0, cpu)
    strategy.ranks = ranks
    images = noise(0, sizes.get("n_images", N_IMAGES), sizes.get("size", SIZE), cpu)
    n_value = sizes.get("value_images", VALUE["value_images"])
    value = ValueSettings(**{**VALUE, "value_images": n_value})

    def shapley_pass() -> None:
        V = ValueFunction(supernet, torch.zeros(space.n_players), images, value, 0)
        shapley_values(V, value, 0, ranks)

    return {
        "epoch of weights": lambda: strategy.epoch(0, images, images),
        "Shapley pass": shapley_pass,
    }
