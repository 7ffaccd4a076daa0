"""Gradients through the weights, against dense derivatives of a supernet of 12 weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor
from torch.nn.functional import cross_entropy

from pipeline.compilation import COMPILED_STEPS
from pipeline.config.jobs import SearchJob
from pipeline.stages.search import make_strategy
from pipeline.strategies import darts as darts_module
from pipeline.strategies.early_stopping import EigenvalueRule, largest_eigenvalue
from pipeline.strategies.weights import Tally
from tests.strategies.toys import Tiny, logits_of, noisy_images, on_supernet, small_search

RATE, DECAY = 0.1, 3e-4


class Losses:
    """L_train and L_val of `Tiny` in double precision, as functions of w and α."""

    def __init__(self, strategy: Any):
        train, valid = noisy_images(8, seed=1), noisy_images(8, seed=2)
        self.batches = [(x.pixels, x.labels) for x in (train, valid)]
        self.slopes = strategy.supernet.slopes.double()
        self.w = strategy.supernet.W.detach().double()
        self.alpha = strategy._alpha.detach()

    def loss(self, part: int, w: Tensor, alpha: Tensor) -> Tensor:
        pixels, labels = self.batches[part]
        weights = alpha.view(6, 5).softmax(1).flatten()
        return cross_entropy(logits_of(w, pixels.double(), weights, self.slopes), labels)

    def train(self, w: Tensor, alpha: Tensor) -> Tensor:
        return self.loss(0, w, alpha)

    def valid(self, w: Tensor, alpha: Tensor) -> Tensor:
        return self.loss(1, w, alpha)


def gradient_of(strategy: Any, losses: Losses) -> np.ndarray:
    strategy.supernet.train()
    (gradient,) = strategy.alpha_gradient(*losses.batches, Tally())
    return gradient.numpy()


def test_darts_2nd_is_the_slope_of_the_unrolled_loss() -> None:
    """Central differences of L_val(w - ξ (∇_w L_train(w, α) + λ w), α) by α."""
    strategy = on_supernet("darts_2nd", Tiny, {}, learning_rate=RATE)
    losses = Losses(strategy)
    before = strategy.supernet.W.detach().clone()
    found = gradient_of(strategy, losses)
    assert torch.equal(strategy.supernet.W, before)

    def unrolled(alpha: Tensor) -> float:
        w = losses.w.clone().requires_grad_()
        (g,) = torch.autograd.grad(losses.train(w, alpha), w)
        return losses.valid(losses.w - RATE * (g + DECAY * losses.w), alpha).item()

    steps = 1e-5 * torch.eye(30, dtype=torch.float64)
    slopes = [(unrolled(losses.alpha + d) - unrolled(losses.alpha - d)) / 2e-5 for d in steps]
    assert_allclose(found, slopes, atol=2e-5)
    first = gradient_of(on_supernet("darts", Tiny, {}), losses)
    assert np.abs(first - slopes).max() > 1e-3  # so the second term was seen


def test_darts_2nd_unrolls_momentum() -> None:
    """After a step of SGD, w' moves by the momentum too."""
    strategy = on_supernet("darts_2nd", Tiny, {}, learning_rate=RATE)
    g = torch.ones(3, 4)
    strategy.weight_optimiser.state[strategy.supernet.W]["momentum_buffer"] = 2 * g
    (direction,) = strategy._direction([g])
    torch.testing.assert_close(direction, g + DECAY * strategy.supernet.W.detach() + 0.9 * 2 * g)


def test_idarts_moves_alpha_after_four_steps_of_the_weights() -> None:
    strategy = on_supernet("idarts", Tiny, {}, batch_size=2)
    moved, step = [], strategy.alpha_optimiser.step
    strategy.alpha_optimiser.step = lambda: (moved.append(strategy._steps), step())
    strategy.epoch(1, noisy_images(20), noisy_images(20))
    assert moved == [4, 8]


def test_the_series_steps_as_the_weights_do() -> None:
    strategy = on_supernet("idarts", Tiny, {"terms": 1}, learning_rate=0.3)
    given = on_supernet("idarts", Tiny, {"terms": 1, "gamma": 0.3})
    assert_allclose(
        gradient_of(strategy, Losses(strategy)), gradient_of(given, Losses(given)), atol=1e-7
    )


@pytest.mark.parametrize("terms", [0, 2])
def test_idarts_is_the_neumann_series(terms: int) -> None:
    γ = 0.3
    strategy = on_supernet("idarts", Tiny, {"terms": terms, "gamma": γ})
    losses = Losses(strategy)
    found = gradient_of(strategy, losses)

    def flat(part: Any) -> Any:
        return lambda w, alpha: part(w.view(3, 4), alpha)

    at = (losses.w.flatten(), losses.alpha)
    blocks = torch.autograd.functional.hessian(flat(losses.train), at)
    v, direct = torch.autograd.functional.jacobian(flat(losses.valid), at)
    M = torch.eye(12, dtype=torch.float64) - γ * blocks[0][0]
    series = sum(torch.linalg.matrix_power(M, k) for k in range(terms + 1))
    assert_allclose(found, direct - γ * blocks[1][0] @ series @ v, atol=1e-6)


def test_largest_eigenvalue() -> None:
    strategy = on_supernet("darts", Tiny, {})
    losses = Losses(strategy)
    alpha = losses.alpha.clone().requires_grad_()
    loss = losses.valid(losses.w, alpha)
    hessian = torch.autograd.functional.hessian(lambda a: losses.valid(losses.w, a), losses.alpha)
    eigenvalues = np.linalg.eigvalsh(hessian.numpy())
    value, n_products = largest_eigenvalue(loss, alpha)
    assert value == pytest.approx(eigenvalues[-1], rel=1e-3)
    assert n_products >= 1


def test_rule_by_hand() -> None:
    """k = 2: means (1, 1), (1, 1.5), (1, 2): 1 / 1.5 < 0.75, and α of two epochs before."""
    rule = EigenvalueRule(2, 0.75)
    alphas = [np.full(3, epoch) for epoch in range(5)]
    found = [rule.observe(value, a) for value, a in zip([1, 1, 1, 2], alphas, strict=False)]
    assert found[:3] == [None] * 3
    assert_array_equal(found[3], alphas[1])
    assert rule.stopped


def test_rule_takes_a_flat_course_as_it_is() -> None:
    rule = EigenvalueRule(2, 0.75)
    assert all(rule.observe(1.0, np.zeros(3)) is None for _ in range(10))


def test_darts_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    values = iter([1.0, 10.0])
    monkeypatch.setattr(darts_module, "largest_eigenvalue", lambda *_: (next(values), 3))
    strategy = on_supernet("darts", Tiny, {"early_stopping": True, "eigenvalue_window": 1})
    train, valid = noisy_images(8, seed=1), noisy_images(8, seed=2)
    metrics = strategy.epoch(0, train, valid)
    assert (metrics["images_forward"], metrics["images_backward"]) == (24, 16 + 8 * 4)
    first = strategy.alpha()
    strategy.epoch(1, train, valid)
    assert_array_equal(strategy.alpha(), first)
    assert strategy.epoch(2, train, valid)["images_forward"] == 0
    assert_array_equal(strategy.alpha(), first)


@pytest.mark.parametrize(
    ("name", "settings", "compiled"),
    [
        ("darts", {}, True),
        ("darts", {"early_stopping": True}, False),
        ("idarts", {}, False),
        ("bayesnas", {}, False),
    ],
)
def test_second_derivatives_are_not_compiled(
    name: str, settings: dict[str, Any], compiled: bool
) -> None:
    recipe = small_search("nasbench201")
    shape = recipe.supernet.model_copy(update={"compile": True})
    recipe = recipe.model_copy(update={"supernet": shape})
    job = SearchJob(space="nasbench201", algorithm=name, settings=settings, search=recipe)
    made = make_strategy(job, 4, 0, torch.device("cpu"))
    assert made.supernet.settings.compile is compiled


def test_only_long_searches_are_compiled() -> None:
    search = small_search("nasbench201")
    job = SearchJob(space="nasbench201", algorithm="darts", settings={}, search=search)
    assert job.search.supernet.compile == "auto"
    for n_steps in (0, COMPILED_STEPS):
        made = make_strategy(job, 4, 0, torch.device("cpu"), n_steps)
        assert made.supernet.settings.compile is bool(n_steps)
    # Digits, 1,797 images of which half train the weights: the demo is far from it.
    demo = yaml.safe_load(Path("config/presets/demo.yaml").read_text())["search"]["nasbench201"]
    assert demo["epochs"] * 900 / demo["batch_size"] < COMPILED_STEPS / 10
