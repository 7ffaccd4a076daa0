"""S1 to S4 against the paper's list, and noise."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from pipeline import registry
from pipeline.config.model import Config
from pipeline.config.recipes import SupernetSettings
from pipeline.spaces.operations import Noise, make

# RobustDARTS, appendix: edge -> operations, as (target, source) of S1.
NORMAL = {
    (2, 0): {"skip_connect", "dil_conv_3x3"},
    (3, 1): {"skip_connect", "sep_conv_3x3"},
    (4, 0): {"max_pool_3x3", "skip_connect"},
    (5, 1): {"max_pool_3x3", "skip_connect"},
    (5, 4): {"dil_conv_3x3", "dil_conv_5x5"},
}
REDUCE = {
    (2, 0): {"max_pool_3x3", "avg_pool_3x3"},
    (2, 1): {"max_pool_3x3", "dil_conv_3x3"},
    (4, 1): {"max_pool_3x3", "sep_conv_3x3"},
    (5, 4): {"skip_connect", "dil_conv_5x5"},
}


def space(name: str) -> Any:
    return registry.get("spaces", name)(SupernetSettings())


@pytest.mark.parametrize(("name", "players"), [("s1", 56), ("s2", 56), ("s3", 84), ("s4", 56)])
def test_players(name: str, players: int) -> None:
    assert space(name).n_players == players


def test_s1_differs_by_edge() -> None:
    s1 = space("s1")
    for t, cell in enumerate((NORMAL, REDUCE)):
        for edge, names in cell.items():
            assert set(s1.operations[t][s1.edges.index(edge)]) == names


def test_none_and_noise_are_where_they_belong() -> None:
    names = {name: set(space(name).operations[0][0]) for name in ("s2", "s3", "s4")}
    assert names["s3"] - names["s2"] == {"none"}
    assert names["s4"] == {"noise", "sep_conv_3x3"}


def test_recipe() -> None:
    recipe = Config().search.s1  # type: ignore[attr-defined]
    assert (recipe.batch_size, recipe.learning_rate, recipe.learning_rate_min) == (64, 0.025, 0.001)
    assert (recipe.supernet.channels, recipe.supernet.partial_channels) == (16, 1)


def test_noise_is_standard_normal_and_independent_of_its_input() -> None:
    noise = make("noise", 4, 2)
    y = noise(torch.full((64, 4, 32, 31), torch.nan))
    assert y.shape == (64, 4, 16, 16)
    n = y.numel()
    assert abs(y.mean()) < 5 / n**0.5
    assert abs(y.var() - 1) < 5 * (2 / n) ** 0.5


def test_noise_is_fresh_in_training_and_goes_on_from_a_saved_state() -> None:
    noise, x = Noise(1), torch.zeros(2, 3, 4, 4)
    first = noise(x)
    resumed = Noise(1)
    resumed.load_state_dict(copy.deepcopy(noise.state_dict()))
    second = noise(x)
    assert not torch.equal(first, second)
    assert torch.equal(resumed(x), second)
    noise.eval()
    assert torch.equal(noise(x), noise(x))


def test_every_noise_is_another() -> None:
    x = torch.zeros(2, 3, 4, 4)
    assert not torch.equal(Noise(1)(x), Noise(1)(x))
