"""First-order DARTS: the gradient by finite differences, Adam's first step by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.nn.functional import cross_entropy

from pipeline import registry
from pipeline.config.recipes import SearchSettings
from tests.strategies.toys import make_strategy, noisy_images

TRAIN, VALID = noisy_images(8, seed=1), noisy_images(8, seed=2)


def loss_on_valid(supernet: torch.nn.Module, alpha: np.ndarray) -> float:
    weights = torch.softmax(torch.from_numpy(alpha).view(6, 5), 1).flatten()
    with torch.no_grad():
        logits = supernet.train()(VALID.pixels.double(), weights)
    return cross_entropy(logits, VALID.labels).item()


def test_alpha_descends_the_validation_loss() -> None:
    """∇_α L_val(w, α) at the weights before the step, by central differences."""
    strategy = make_strategy("darts", "nasbench201", {})
    supernet = make_strategy("darts", "nasbench201", {}).supernet.double()
    alpha = strategy.alpha()
    strategy.epoch(0, TRAIN, VALID)  # one step on alpha, then one on the weights
    gradient = [
        (loss_on_valid(supernet, alpha + d) - loss_on_valid(supernet, alpha - d)) / 2e-6
        for d in 1e-6 * np.eye(30)
    ]
    assert np.abs(gradient).max() > 1e-3
    assert_allclose(strategy._alpha.grad, gradient, atol=2e-5)
    g = strategy._alpha.grad.numpy() + 1e-3 * alpha  # weight decay
    assert_allclose(strategy.alpha(), alpha - 3e-4 * g / (np.abs(g) + 1e-8), atol=1e-9)


def test_weights_are_trained_as_without_alpha_steps() -> None:
    """The gradient for alpha leaves no trace in the weights."""
    strategy = make_strategy("darts", "nasbench201", {"alpha_learning_rate": 1e-30})
    plain = make_strategy("darts", "nasbench201", {})
    strategy.epoch(0, noisy_images(24), VALID)
    plain.train_weights(0, noisy_images(24))
    for found, expected in zip(
        strategy.supernet.parameters(), plain.supernet.parameters(), strict=True
    ):
        assert torch.equal(found, expected)


def test_warm_up_holds_alpha() -> None:
    strategy = make_strategy("darts", "nasbench201", {"warmup_epochs": 1})
    before = strategy.alpha()
    metrics = strategy.epoch(0, TRAIN, VALID)
    assert_array_equal(strategy.alpha(), before)
    assert metrics["images_forward"] == 8
    strategy.epoch(1, TRAIN, VALID)
    assert (strategy.alpha() != before).all()


@pytest.mark.parametrize("n_valid", [3, 40])
def test_halves_of_other_size(n_valid: int) -> None:
    """Five weight steps take five alpha steps, however many images there are for them."""
    strategy = make_strategy("darts", "nasbench201", {})
    metrics = strategy.epoch(0, noisy_images(40), noisy_images(n_valid))
    assert metrics["images_forward"] == metrics["images_backward"] == 40 + 5 * min(8, n_valid)
    assert 0 <= metrics["valid_accuracy"] <= 1


def test_its_papers_recipe() -> None:
    """Section 3.1 of DARTS: batch 64, SGD 0.025 to 0 by cosine in the paper, 0.001 in its code."""
    recipe = registry.entry("strategies", "darts").recipes["darts"]
    search = SearchSettings.model_validate(recipe)
    assert (search.batch_size, search.learning_rate, search.learning_rate_min) == (64, 0.025, 0.001)
    assert search.supernet.partial_channels == 1
    assert search.supernet.include_none and search.supernet.pool_batch_norm
