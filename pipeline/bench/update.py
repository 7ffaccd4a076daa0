"""Compares the time of one Shapley update with that of training the weights for one epoch.

The supernet is that of the paper's search on CIFAR-10 (DARTS space, C = 16, eight cells). An update
has M = 10 truncated permutations (section 3.3), and an epoch has 25,000 images. We time fewer
permutations and images, and scale the times up. The images are those of CIFAR-10 if the folder
SHAPLEY_NAS_DATA has them, else digits. Without a GPU, times are CPU times of one thread. With
`--repeats 4` the benchmark takes an hour on one core.
"""
# Tested in tests/test_bench.py.

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch

from pipeline import registry
from pipeline.bench.images import half, source
from pipeline.bench.timing import work_seconds
from pipeline.config.recipes import SearchSettings
from pipeline.data import Images, find, prepare
from pipeline.devices import configure
from pipeline.registry.strategies.shapley import ValueSettings
from pipeline.shapley import Estimate
from pipeline.shapley.permutation import M
from pipeline.strategies.value_function import ValueFunction, shapley_values
from pipeline.supernet import Supernet, build_supernet

AGES = (1, 2)
N_PASS = 25_000  # images of the weight pass
N_TRAIN, N_TIMED, N_VALUE = 6400, 256, 128


def rows(
    repeats: int = 7,
    ages: tuple[int, ...] = AGES,
    supernet: dict[str, Any] | None = None,
    n_train: int = N_TRAIN,
    n_timed: int = N_TIMED,
    n_value: int = N_VALUE,
) -> list[dict[str, Any]]:
    """One row per age of the supernet, since training changes where permutations are truncated.

    `images_at_par` is the number of images of V with which an update takes as long as an epoch.

    After each of `ages` epochs of `n_train` images, we time `repeats` permutations with V on
    `n_value` images, and training on `n_timed` images. `supernet` has settings that differ from the
    defaults.
    """
    configure(1)
    recipe = SearchSettings(epochs=max(ages) + 1, supernet=supernet or {})
    weights, value_images = _halves()
    space = registry.get("spaces", "darts")(recipe.supernet)
    network, cpu = build_supernet(space, recipe.supernet, weights.classes, 0), torch.device("cpu")
    entry = registry.entry("strategies", "frozen")
    strategy = entry.load()(space, network, entry.settings_model()(), recipe, 0, cpu)
    train, timed = weights.take(n_train), weights.take(n_timed)
    found = []
    for age in range(1, max(ages) + 1):
        strategy.epoch(age - 1, train, value_images)
        if age in ages:
            row = _update(network, value_images, n_value, repeats, age)
            part = work_seconds(partial(strategy.epoch, age, timed, value_images))
            whole, update = part * N_PASS / timed.n, row["ours_s"]
            ratio = {"baseline_s": whole, "ratio": whole / update}
            found.append(row | ratio | {"images_at_par": round(n_value * whole / update)})
    return found


def _halves() -> tuple[Images, Images]:
    """The training images of the weights and those of V, without augmentation."""
    dataset, root = source()
    with tempfile.TemporaryDirectory() as folder:
        prepare(find(dataset), root, folder, split_seed=0)
        return half(root, Path(folder), "weights"), half(root, Path(folder), "value")


def _update(
    supernet: Supernet, images: Images, n_value: int, repeats: int, age: int
) -> dict[str, Any]:
    """Time `repeats` truncated permutations; the seconds are those of M permutations."""
    settings = ValueSettings(permutations=repeats, value_images=n_value)
    V = ValueFunction(supernet, torch.zeros(supernet.space.n_players), images, settings, age)
    estimates: list[Estimate] = []
    taken = work_seconds(lambda: estimates.append(shapley_values(V, settings, age)))
    return {
        "name": f"supernet of age {age}",
        "ours_s": taken * M / repeats,
        "value_full": estimates[0].value_full,
        "evaluations": estimates[0].evaluations * M / repeats,
        "image_forwards": V.images_forward * M / repeats,
        "players": V.n_players,
        "value_images": n_value,
        "permutations": repeats,
    }
