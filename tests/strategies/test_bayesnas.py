"""Automatic relevance determination: formulas of the paper, a quadratic, a proximal step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.testing import assert_allclose

from pipeline.strategies.relevance import hessian_diagonal, relevance
from pipeline.strategies.weights import Tally
from tests.strategies.toys import Tiny, noisy_images, on_supernet


def test_relevance_as_the_paper_writes_it() -> None:
    w, ω, H = np.array([0.5, -2.0]), np.array([1.0, 0.5]), np.array([3.0, 0.2])
    γ, next_ω = relevance(w, ω, H)
    assert_allclose(γ, [0.5, 4.0])
    C = 1 / (1 / γ + H)
    assert_allclose(next_ω, np.sqrt(1 / γ - C / γ**2))


def test_a_vanished_switch_stays_finite() -> None:
    γ, ω = relevance(np.zeros(2), np.ones(2), np.array([4.0, -1.0]))
    assert_allclose(γ, 0)
    assert_allclose(ω, [2, 1e-3])


def test_hutchinson() -> None:
    """Exact for a diagonal Hessian; in the mean for any."""
    generator = torch.Generator().manual_seed(0)
    A = torch.tensor([[2.0, 0.3], [0.3, -1.0]])
    for matrix, probes, atol in ((A.diag().diag(), 1, 1e-6), (A, 500, 0.06)):
        x = torch.ones(2, requires_grad=True)
        (gradient,) = torch.autograd.grad(0.5 * x @ matrix @ x, x, create_graph=True)
        assert_allclose(hessian_diagonal(gradient, x, probes, generator), [2, -1], atol=atol)


def test_proximal_step_by_hand() -> None:
    """w = sign(v) max(|v| - r λ ω, 0), v = w - r g."""
    settings = {"sparsity": 10.0, "switch_learning_rate": 0.05}
    strategy: Any = on_supernet("bayesnas", Tiny, settings, gradient_clip=0)
    strategy._omega = np.linspace(0, 2, 30)
    images = noisy_images(8)
    w = strategy.alpha()
    loss = strategy.loss(images.pixels, images.labels, strategy.mixing(), Tally())
    (g,) = torch.autograd.grad(loss, strategy._alpha)
    strategy.step_weights(images.pixels, images.labels, Tally())
    v = w - 0.05 * g.numpy()
    expected = np.sign(v) * np.maximum(np.abs(v) - 0.5 * np.linspace(0, 2, 30), 0)
    assert_allclose(strategy.alpha(), expected, atol=1e-6)
    assert (expected > 0).any()


def test_the_most_relevant_win() -> None:
    strategy: Any = on_supernet("bayesnas", Tiny, {})
    strategy._gamma = np.random.default_rng(0).random(30)
    best = strategy._gamma.reshape(6, 5)[:, 1:].argmax(axis=1) + 1
    assert_allclose(strategy.strength().reshape(6, 5).argmax(axis=1), best)
