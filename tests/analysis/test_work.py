"""The counts against torch's, the networks' own and sums by hand."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline import registry
from pipeline.analysis import work
from pipeline.bench.memory import peak_megabytes
from pipeline.bench.supernet import training
from pipeline.config import load
from pipeline.config.model import SEARCH_RECIPES
from pipeline.config.recipes import ImageNetSearch, SearchSettings
from pipeline.networks import profile_genotype
from pipeline.paths import Place
from pipeline.supernet import build_supernet

ROOT = Path(__file__).parents[2]


def test_a_training_by_hand():
    """The recipe of the paper: 558,218,880 multiply-adds, 50,000 images, 600 epochs, 3 passes."""
    config = load.resolve({"preset": "paper"}, ROOT / "config")
    found = work.of_run(config, Place("retrain", "darts", "cifar10", "shapley", target="cifar10"))
    assert found.operations == pytest.approx(6 * 558_218_880 * 50_000 * 600)
    assert found.size == pytest.approx(4 * 3_603_358)


def test_a_search_by_hand(monkeypatch):
    """24 players without `none`, 35 epochs after a warm-up of 15; three passes a weight step."""
    config = load.resolve({"preset": "laptop"}, ROOT / "config")
    monkeypatch.setattr(work, "WALKED", 1.0)
    found = work.of_run(config, Place("search", "nasbench201", "cifar10", "shapley", 0))
    passes = 50 * 3 * 12_500 + 35 * 10 * 24 * 1024
    macs = 10 * 16**2 * 6 * 16**2 * 3
    assert found.operations == pytest.approx(2 * passes * macs)
    darts = work.of_run(config, Place("search", "nasbench201", "cifar10", "darts", 0))
    assert darts.operations == pytest.approx(2 * 50 * 6 * 12_500 * macs)


def test_smaller_images_and_dearer_strategies_count():
    config = load.resolve({"preset": "laptop"}, ROOT / "config")
    whole = config.model_copy(
        update={"search": load.resolve({"preset": "paper"}, ROOT / "config").search}
    )
    place = Place("search", "nasbench201", "cifar10", "darts_2nd", 0)
    assert work.of_run(whole, place).operations > 20 * work.of_run(config, place).operations
    first = Place("search", "nasbench201", "cifar10", "darts", 0)
    ratio = work.of_run(config, place).operations / work.of_run(config, first).operations
    assert ratio == pytest.approx(2.5)  # five passes forward and back for two


@pytest.mark.parametrize("layout", ["cifar10", "imagenet"])
def test_the_references_are_counts_of_the_published_cells(layout):
    found = profile_genotype(f"shapley_nas_{layout}", layout)
    assert work.REFERENCES[layout][:2] == (found["macs"], found["params"])


@pytest.mark.parametrize("space", ["darts", "nasbench201", "s1", "s2"])
def test_supernets_within_a_factor_of_two(space):
    """Against torch's own count of a forward pass."""
    shape = SEARCH_RECIPES.get(space, SearchSettings)().supernet
    one = registry.get("spaces", space)(shape)
    supernet = build_supernet(one, shape.model_copy(update={"fused": False}), 10, 0).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        supernet(torch.zeros(1, 3, 32, 32), torch.full((one.n_players,), 0.5))
    macs = counter.get_total_flops() / 2
    assert macs / 2 < work.supernet_macs(space, shape, 32) < macs * 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="peaks of the CPU's allocator")
@pytest.mark.parametrize(
    ("space", "shape", "side"),
    [
        ("darts_imagenet", {"partial_channels": 4, "cells": 3}, 64),
        ("nasbench201", {"partial_channels": 1, "cells": 1, "include_none": True}, 32),
    ],
)
def test_the_peak_of_a_small_step(space, shape, side):
    recipe = SearchSettings(batch_size=4, supernet=shape)
    one = registry.get("spaces", space)(recipe.supernet)
    supernet = build_supernet(one, recipe.supernet, 10, 0)
    images = torch.randn(4, 3, side, side)
    measured = 1e6 * peak_megabytes(training(supernet, images)) + images.nbytes
    assert 1 / 1.5 < work.supernet_peak(space, recipe, side) / measured < 1.5


def test_the_peak_of_the_papers_search_on_imagenet():
    """Batch 1024 of 224 pixels, k = 4; a micro-batch of a quarter holds about a quarter."""
    recipe = ImageNetSearch()
    whole = work.supernet_peak("darts_imagenet", recipe, 224)
    assert 10e9 < whole < 20e9
    quarter = recipe.model_copy(update={"micro_batch_size": 256})
    assert work.supernet_peak("darts_imagenet", quarter, 224) < 0.3 * whole
    wide = recipe.supernet.model_copy(update={"precision": "float32"})
    exact = recipe.model_copy(update={"supernet": wide})
    assert work.supernet_peak("darts_imagenet", exact, 224) > 1.5 * whole
