"""Draws against the moments of their distributions; the strategies that draw, step by step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from pipeline.strategies import sampling
from pipeline.strategies.snas import falling
from pipeline.strategies.weights import Tally
from tests.strategies.toys import Tiny, make_strategy, noisy_images, on_supernet

N = 40_000


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_gumbel_moments() -> None:
    """Mean: Euler's constant; variance π² / 6."""
    draws = sampling.gumbel(torch.zeros(N), generator())
    assert draws.mean().item() == pytest.approx(0.5772157, abs=0.02)
    assert draws.var().item() == pytest.approx(math.pi**2 / 6, rel=0.03)


def test_the_largest_of_a_concrete_draw_follows_the_softmax() -> None:
    """The Gumbel-max theorem, at any temperature."""
    logits = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64)
    draws = sampling.concrete(logits.expand(N, 3), 0.7, generator())
    share = torch.bincount(draws.argmax(1), minlength=3) / N
    assert_allclose(share, logits.softmax(0), atol=0.01)
    assert_allclose(draws.sum(1), 1)
    assert draws.max(1).values.mean() < 0.95
    cold = sampling.concrete(logits.expand(N, 3), 0.01, generator())
    assert cold.max(1).values.mean() > 0.99


def test_straight_through() -> None:
    soft = torch.tensor([[0.2, 0.5, 0.3]], requires_grad=True)
    hard = sampling.straight_through(soft)
    assert_allclose(hard.detach(), [[0, 1, 0]])
    c = torch.tensor([1.0, 2.0, 3.0])
    (gradient,) = torch.autograd.grad((hard * c).sum(), soft)
    assert_allclose(gradient[0], c)


def test_dirichlet_moments_and_slope() -> None:
    """Mean c / Σc, variance m (1 - m) / (Σc + 1), and ∂ mean_0 / ∂ c of the pathwise derivative."""
    c = torch.tensor([0.8, 1.5, 9.0, 0.7], dtype=torch.float64, requires_grad=True)
    kept = torch.tensor([True, True, False, True])
    draws = sampling.dirichlet(c.expand(N, 4), kept.expand(N, 4), generator())
    used = np.array([0.8, 1.5, 0.7])
    mean = used / used.sum()
    assert (draws[:, 2] == 0).all()
    found = draws.detach()[:, kept].numpy()
    assert_allclose(found.mean(axis=0), mean, atol=0.005)
    assert_allclose(found.var(axis=0), mean * (1 - mean) / (used.sum() + 1), rtol=0.03)
    (slope,) = torch.autograd.grad(draws[:, 0].mean(), c)
    total = used.sum()
    expected = [(total - 0.8) / total**2, -0.8 / total**2, 0, -0.8 / total**2]
    assert_allclose(slope, expected, atol=0.005)


def test_on_simplex_by_hand() -> None:
    weights = torch.tensor([[0.5, -0.2, 1.5], [-3.0, -1.0, -2.0]])
    expected = [[1 / 3, 0, 2 / 3], [0, 1, 0]]
    assert_allclose(sampling.on_simplex(weights), expected, atol=1e-6)


def test_temperature_falls_in_a_line() -> None:
    assert [falling(10, 1, epoch, 4) for epoch in range(4)] == [10, 7, 4, 1]


def test_snas_descends_one_loss() -> None:
    """∇_α of the very loss that the weights descend; the images for the value stay unused."""
    strategy: Any = on_supernet("snas", Tiny, {})
    again: Any = on_supernet("snas", Tiny, {})
    images, nothing = noisy_images(8), None
    before = strategy.alpha()
    metrics = strategy.epoch(0, images, nothing)
    assert metrics["images_forward"] == metrics["images_backward"] == 8
    ((batch, labels),) = again.batches(images, "weights", 0)
    again.begin(0)
    loss = again.loss(batch, labels, again.relaxed(), Tally())
    (gradient,) = torch.autograd.grad(loss, again._alpha)
    assert_allclose(strategy._alpha.grad, gradient, atol=1e-7)
    assert (strategy.alpha() != before).any()


def test_snas_at_two_levels_is_algorithm_1() -> None:
    """α descends the loss of the images for the value, under a draw of its own."""
    strategy: Any = on_supernet("snas", Tiny, {"levels": 2})
    metrics = strategy.epoch(0, noisy_images(8), noisy_images(8, seed=1))
    assert metrics["images_forward"] == metrics["images_backward"] == 16
    assert not strategy.mixing().requires_grad


def test_gdas_has_one_operation_an_edge() -> None:
    strategy: Any = make_strategy("gdas", "nasbench201", {})
    first, second = (strategy.mixing().view(6, 5) for _ in range(2))
    assert_allclose(first.sort(dim=1).values, [[0, 0, 0, 0, 1]] * 6, atol=1e-6)
    assert not torch.equal(first, second)


def test_smoothing_stays_near_and_on_the_simplex() -> None:
    strategy: Any = on_supernet("sdarts_rs", Tiny, {"epsilon_min": 0.05})
    centre = strategy.relaxed().detach()
    moved = strategy.mixing().view(6, 5)
    assert_allclose(moved.sum(1), np.ones(6), atol=1e-6)
    assert 1e-3 < (moved.flatten() - centre).abs().max() < 0.1
    assert strategy.epsilon == 0.05
    strategy.begin(2)
    assert strategy.epsilon == pytest.approx(0.05 + 0.25 * 2 / 3)


def test_the_attack_raises_the_loss() -> None:
    """More than a random perturbation of the same size does."""
    strategy: Any = on_supernet("sdarts_adv", Tiny, {"epsilon_min": 0.1})
    images = noisy_images(8)

    def loss(weights: torch.Tensor) -> float:
        with torch.no_grad():
            return strategy.loss(images.pixels, images.labels, weights, Tally()).item()

    worst = strategy.attack(images.pixels, images.labels)
    centre = strategy.relaxed().detach()
    assert loss(worst) > loss(centre) + 1e-3
    assert loss(worst) > max(loss(strategy.perturbed(centre)) for _ in range(5))
    assert_allclose(worst.view(6, 5).sum(1), np.ones(6), atol=1e-6)
    assert strategy.extra.n == 7 * 8
