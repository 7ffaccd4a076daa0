"""The counts against torch's, the networks' own and sums by hand."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline import registry
from pipeline.analysis import cost
from pipeline.config import load
from pipeline.config.model import SEARCH_RECIPES
from pipeline.config.recipes import SearchSettings
from pipeline.networks import profile_genotype

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_code_renders():
    page = (ROOT / "docs" / "cost.md").read_text()
    assert page == cost.render(ROOT / "config"), "run `python -m pipeline cost`"


def test_a_training_by_hand():
    """The recipe of the paper: 558,218,880 multiply-adds, 50,000 images, 600 epochs, 3 passes."""
    config = load.resolve({"preset": "paper"}, ROOT / "config")
    found = cost.of_run(config, cost.TRAININGS["CIFAR-10, 600 epochs"])
    assert found.operations == pytest.approx(6 * 558_218_880 * 50_000 * 600)
    assert found.size == pytest.approx(4 * 3_603_358)
    fewest, most = cost.hours(found.operations, cost.GPUS[0])
    assert fewest == pytest.approx(1.0048e17 / 312e12 / 0.04 / 3600, rel=1e-3)
    assert most == pytest.approx(8 * fewest)


@pytest.mark.parametrize("layout", ["cifar10", "imagenet"])
def test_the_references_are_counts_of_the_published_cells(layout):
    found = profile_genotype(f"shapley_nas_{layout}", layout)
    assert cost.REFERENCES[layout][:2] == (found["macs"], found["params"])


@pytest.mark.parametrize("space", ["darts", "nasbench201", "s1", "s2"])
def test_supernets_within_a_factor_of_two(space):
    """Against torch's own count of a forward pass."""
    shape = SEARCH_RECIPES.get(space, SearchSettings)().supernet
    one = registry.get("spaces", space)(shape)
    supernet = one.supernet(shape.model_copy(update={"fused": False}), 10, 0).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        supernet(torch.zeros(1, 3, 32, 32), torch.full((one.n_players,), 0.5))
    macs = counter.get_total_flops() / 2
    assert macs / 2 < cost.supernet_macs(space, shape, 32) < macs * 2
