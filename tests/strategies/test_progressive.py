"""Searches in stages: what grows, what is dropped, what is copied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from pipeline.strategies.edges import without_skips
from pipeline.strategies.growth import widened
from pipeline.strategies.p_darts import falling_rate
from pipeline.strategies.progressive import place, strongest
from pipeline.strategies.skip_dropout import SkipDropout
from tests.strategies.toys import make_strategy, noisy_images


def test_places() -> None:
    """75 epochs in three stages of 25; 7 epochs in stages of 3, 2, 2."""
    assert [place(epoch, 75, 3) for epoch in (0, 24, 25, 60)] == [
        (0, 0),
        (0, 0.96),
        (1, 0),
        (2, 0.4),
    ]
    assert [place(epoch, 7, 3)[0] for epoch in range(7)] == [0, 0, 0, 1, 1, 2, 2]


def test_strongest() -> None:
    alpha = np.array([3.0, 1, 2, 0, 5, 5])
    kept = np.array([[True, True, True], [True, False, True]])
    assert_array_equal(strongest(alpha, kept, 2), [[1, 0, 1], [1, 0, 1]])
    assert_array_equal(strongest(alpha, kept, 1), [[1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize("groups", [1, 4])
def test_net2wider_gives_copies_for_copies(groups: int) -> None:
    narrow = nn.Conv2d(4, 4, 3, groups=groups, bias=False)
    wide = nn.Conv2d(8, 8, 3, groups=2 * groups if groups > 1 else 1, bias=False)
    with torch.no_grad():
        wide.weight.copy_(widened(narrow.weight, wide.weight))
        x = torch.randn(2, 4, 6, 6)
        y = narrow(x)
        assert torch.allclose(wide(torch.cat([x, x], dim=1)), torch.cat([y, y], dim=1), atol=1e-6)


def drnas(**search: Any) -> Any:
    supernet = {"channels": 8, "cells": 1, "partial_channels": 4, "include_none": True}
    return make_strategy("drnas", "nasbench201", {}, supernet=supernet, **search)


def test_drnas_progresses() -> None:
    """Half way, k from 4 to 2 and the operations from 5 to the 3 strongest of each edge."""
    strategy = drnas(epochs=4)
    n_before = sum(p.numel() for p in strategy.supernet.parameters())
    names = dict(strategy.supernet.named_parameters())
    stem = names["stem.0.weight"].detach().clone()
    strategy.begin(1)
    assert strategy.kept.all()
    alpha = strategy.alpha().reshape(6, 5)
    strategy.begin(2)
    assert strategy.supernet.settings.partial_channels == 2
    assert sum(p.numel() for p in strategy.supernet.parameters()) > n_before
    assert torch.equal(dict(strategy.supernet.named_parameters())["stem.0.weight"], stem)
    assert_array_equal(strategy.kept, alpha >= np.sort(alpha)[:, 2:3])
    weights = strategy.mixing().view(6, 5).numpy()
    assert ((weights > 0) == strategy.kept).all()
    assert_allclose(weights.sum(1), np.ones(6), atol=1e-6)
    optimised = {id(p) for group in strategy.weight_optimiser.param_groups for p in group["params"]}
    assert optimised == {id(p) for p in strategy.supernet.parameters()}


def test_drnas_keeps_its_momentum_when_it_grows() -> None:
    """Weights and momentum are widened alike: a copied channel moves as its origin does."""
    strategy = drnas(epochs=4)
    strategy.epoch(0, noisy_images(8), noisy_images(8))
    momentum = strategy.weight_optimiser.state
    weights = strategy.weight_optimiser.param_groups[0]["params"]
    before = {
        name: (w.detach().clone(), momentum[w]["momentum_buffer"].clone())
        for (name, _), w in zip(strategy.supernet.named_parameters(), weights, strict=True)
    }
    strategy.begin(2)
    grown = 0
    for name, w in strategy.supernet.named_parameters():
        old_w, old_momentum = before[name]
        now = strategy.weight_optimiser.state[w]["momentum_buffer"]
        assert_allclose(w.detach(), widened(old_w, w))
        assert_allclose(now, widened(old_momentum, w))
        assert now.shape == w.shape
        grown += w.numel() > old_w.numel()
    assert grown > 10


def test_drnas_chooses_by_the_softmax_of_what_stays() -> None:
    strategy = drnas()
    α = np.linspace(-2, 2, 30).reshape(6, 5)
    with torch.no_grad():
        strategy._alpha.copy_(torch.from_numpy(α.ravel()))
    strategy.kept[:, -1] = False
    found = np.exp(strategy.strength().reshape(6, 5))
    expected = np.exp(α[:, :4]) / np.exp(α[:, :4]).sum(axis=1, keepdims=True)
    assert_allclose(found[:, :4], expected, atol=1e-6)
    assert (found[:, 4] < 1e-6).all()
    (adam,) = strategy.alpha_optimiser.param_groups
    assert adam["weight_decay"] == 1e-3  # the penalty


def test_p_darts_progresses() -> None:
    strategy: Any = make_strategy("p_darts", "darts", {"added_cells": (0, 1, 2)}, epochs=3)
    cells, kept = [], []
    for epoch in range(3):
        strategy.begin(epoch)
        cells.append(len(strategy.supernet.cells))
        kept.append(set(strategy.kept.sum(axis=1)))
    assert cells == [3, 4, 5]
    assert kept == [{7}, {5}, {3}]
    assert np.abs(strategy.alpha()).max() < 0.01  # α started anew
    assert {dropout.rate for dropout in strategy._dropouts} == {0.7}
    assert strategy.learning_rate(2) == strategy.search.learning_rate


def test_dropout_falls() -> None:
    """From 0.4: 0.32 half way through the warm-up, then a factor of e in 5 epochs of 25."""
    assert falling_rate(0.4, 0.0, 0.4) == 0.4
    assert falling_rate(0.4, 0.2, 0.4) == pytest.approx(0.32)
    assert falling_rate(0.4, 0.6, 0.4) == pytest.approx(0.4 * np.exp(-1))


def test_dropout_keeps_the_mean() -> None:
    dropout = SkipDropout()
    dropout.rate, dropout.generator = 0.7, torch.Generator().manual_seed(0)
    x = torch.ones(100_000)
    y = dropout(x)
    assert (y == 0).float().mean().item() == pytest.approx(0.7, abs=0.01)
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    assert torch.equal(dropout.eval()(x), x)


def test_few_skip_connections() -> None:
    """All eight edges would be skip connections; the two strongest stay."""
    space = make_strategy("random", "darts", {}).space
    strength = np.zeros((2, 14, 7))
    strength[:, :, 2] = 1 + 0.01 * np.arange(14)
    cells = space.genotype_from(without_skips(space, strength.ravel(), 2)).cells
    skips = [sum(name == "skip_connect" for node in c for name, _ in node) for c in cells.values()]
    assert skips == [2, 8]


def test_dropout_acts_in_the_supernet() -> None:
    """The output depends on the rate; at zero nothing changes."""
    strategy: Any = make_strategy("p_darts", "darts", {"added_cells": (0, 1, 2)})
    images = noisy_images(8).pixels
    outputs = []
    for rate in (0.0, 0.5, 0.0):
        for dropout in strategy._dropouts:
            dropout.rate, dropout.generator = rate, torch.Generator().manual_seed(0)
        with torch.no_grad():
            outputs.append(strategy.supernet.train()(images, strategy.mixing()))
    assert len(strategy._dropouts) > 14
    assert torch.equal(outputs[0], outputs[2])
    assert not torch.allclose(outputs[0], outputs[1])
