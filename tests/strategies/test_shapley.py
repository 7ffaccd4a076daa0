"""Shapley-NAS on a supernet whose Shapley values are known: Eq. 7 and 6 by hand."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.registry.strategies.shapley import ShapleySettings
from pipeline.strategies.value_function import ValueFunction
from tests.strategies.toys import images_of, make_strategy, noisy_images, playing_strategy

TRAIN = images_of({0: 8})
WHOLE: dict[str, Any] = {"warmup_epochs": 0, "permutations": 2, "eta": 1.0}


def test_one_update_by_hand() -> None:
    """20 images, 12 of player 1 and 16 of player 7: φ = (12, 16) / 28, so φ / ‖φ‖ = (0.6, 0.8).

    s_1 = 0.8 s_0 + 0.2 φ / ‖φ‖ and α_1 = α_0 + 0.1 s_1 / ‖s_1‖; all others have φ = 0.
    """
    strategy = playing_strategy("nasbench201", WHOLE)
    alpha, s = strategy.alpha(), strategy.record()["s"]
    metrics = strategy.epoch(0, TRAIN, images_of({1: 12, 7: 16}))
    direction = np.zeros(30)
    direction[[1, 7]] = 0.6, 0.8
    s = 0.8 * s + 0.2 * direction
    alpha = alpha + 0.1 * s / np.sqrt(np.sum(s**2))
    record = strategy.record()
    assert_allclose(record["phi"][[1, 7]], [12 / 28, 16 / 28])
    assert_allclose(record["s"], s, atol=1e-12)
    assert_allclose(record["alpha"], alpha, atol=1e-12)
    assert_allclose(strategy.strength(), alpha, atol=1e-12)
    assert metrics["value_full"] == 1
    assert metrics["evaluations"] == 2 * 25
    assert metrics["images_forward"] == 8 + 2 * 25 * 28
    assert metrics["images_backward"] == 8
    assert metrics["reached_share"] == 1


@pytest.mark.parametrize(("norm", "length"), [("cell_type", [0.1, 0.1]), ("all", None)])
def test_norms(norm: str, length: list[float] | None) -> None:
    """Both cell types play one game; player 98 + 10 is of the reduction cell."""
    strategy = playing_strategy("darts", {**WHOLE, "norm": norm, "momentum": 0.0})
    before = strategy.alpha()
    strategy.epoch(0, TRAIN, images_of({3: 24, 108: 10}))
    moved = strategy.alpha() - before
    assert_allclose(strategy.record()["phi"][[3, 108]], [24 / 34, 10 / 34])
    lengths = [np.linalg.norm(cell) for cell in moved.reshape(2, 98)]
    assert_allclose(lengths, length or [0.1 * 24 / 26, 0.1 * 10 / 26])


def test_truncation_leaves_players_unknown() -> None:
    """Player 1 has all images: nobody who would leave after it is reached, V being 0."""
    strategy = playing_strategy("nasbench201", {**WHOLE, "permutations": 1, "eta": 0.5}, seed=1)
    s = strategy.record()["s"]
    metrics = strategy.epoch(0, TRAIN, images_of({1: 8}))
    record = strategy.record()
    unknown = np.isnan(record["phi"])
    none = np.arange(0, 30, 5)
    assert 0 < unknown.sum() < 24
    assert record["phi"][1] == 1
    assert metrics["reached_share"] == pytest.approx(1 - unknown.sum() / 24)
    assert_array_equal(record["reached"] > 0, ~unknown & ~np.isin(np.arange(30), none))
    assert_array_equal(record["s"][unknown], s[unknown])
    assert_allclose(record["s"][~unknown], 0.8 * s[~unknown] + 0.2 * (np.arange(30) == 1)[~unknown])


def test_warm_up_holds_alpha_and_measures_the_whole_supernet() -> None:
    strategy = playing_strategy("nasbench201", {**WHOLE, "warmup_epochs": 1})
    before = strategy.record()
    metrics = strategy.epoch(0, TRAIN, images_of({1: 8}))
    after = strategy.record()
    assert all(np.array_equal(after[key], before[key], equal_nan=True) for key in before)
    assert np.isnan(after["phi"]).all()
    assert metrics["evaluations"] == 1
    assert metrics["value_full"] == 1
    assert metrics["images_forward"] == 8 + 8


def test_released_code_is_one_key_away() -> None:
    settings = ShapleySettings(fidelity="released_code")
    assert (settings.estimator, settings.norm) == ("released_code", "z_score")
    assert (settings.augment, settings.warmup_epochs) == (True, 25)
    assert settings.value_batch_size == settings.value_images == 1024
    assert ShapleySettings(fidelity="released_code", warmup_epochs=3).warmup_epochs == 3
    assert ShapleySettings().estimator == "truncated"
    # As the workflow passes it on: whole, and what was implied is given.
    assert ShapleySettings(**settings.model_dump(mode="json")) == settings


RELEASED: dict[str, Any] = {"fidelity": "released_code", "warmup_epochs": 0, "augment": False}


def test_one_released_update_by_hand() -> None:
    """20 images of player 1 and 10 of player 7, nobody truncated: φ = 2/3, 1/3, else 0.

    Over 30 players the mean is 1/30 and Σ φ² = 4/9 + 1/9 = 5/9, so that the squares about the mean
    sum to 5/9 - 30/900 = 47/90 and the deviation of a sample is √(47/90/29). Each z moves s by a
    fifth of itself, and s moves alpha by a tenth.
    """
    strategy = playing_strategy("nasbench201", {**RELEASED, "permutations": 2, "eta": 1.0})
    alpha, s = strategy.alpha(), strategy.record()["s"]
    strategy.epoch(0, TRAIN, images_of({1: 20, 7: 10}))
    phi = np.zeros(30)
    phi[[1, 7]] = 2 / 3, 1 / 3
    assert_allclose(strategy.record()["phi"], phi, atol=1e-12)
    s = 0.8 * s + 0.2 * (phi - 1 / 30) / (47 / 90 / 29) ** 0.5
    assert_allclose(strategy.record()["s"], s, atol=1e-12)
    assert_allclose(strategy.alpha(), alpha + 0.1 * s, atol=1e-12)


@pytest.mark.parametrize(("fidelity", "first"), [("paper", "weights"), ("released_code", "alpha")])
def test_order_in_the_epoch(fidelity: str, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The released code moves alpha first."""
    strategy = playing_strategy("nasbench201", {**WHOLE, "fidelity": fidelity, "augment": False})
    done: list[str] = []
    for name, method in (("weights", "step_weights"), ("alpha", "accumulate")):
        call = getattr(strategy, method)
        monkeypatch.setattr(
            strategy, method, lambda *a, name=name, call=call: (done.append(name), call(*a))[1]
        )
    strategy.epoch(0, TRAIN, images_of({1: 8}))
    assert done == [first, *({"weights", "alpha"} - {first})]


def test_the_released_schedule() -> None:
    """Its scheduler steps before the optimiser; .1 to 0 over 50 epochs, printed to five digits."""
    recipe = {"epochs": 50, "learning_rate": 0.1, "learning_rate_min": 0.0}
    rates = {
        fidelity: playing_strategy("nasbench201", {"fidelity": fidelity}, **recipe).learning_rate
        for fidelity in ("paper", "released_code")
    }
    epochs = (0, 25, 48, 49)
    released = [f"{rates['released_code'](epoch):.5f}" for epoch in epochs]
    assert released == ["0.09990", "0.04686", "0.00010", "0.00000"]
    paper = [f"{rates['paper'](epoch):.5f}" for epoch in epochs]
    assert paper == ["0.10000", "0.05000", "0.00039", "0.00010"]


def test_the_released_rise_on_imagenet() -> None:
    """Its ImageNet script sets the first five rates itself; the cosine that follows is ahead."""
    recipe = {"epochs": 50, "batch_size": 1024, "learning_rate": 0.5, "learning_rate_min": 0.0}
    settings = {"fidelity": "released_code"}
    rate = playing_strategy("nasbench201", settings, rise_epochs=5, **recipe).learning_rate
    assert [rate(epoch) for epoch in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert rate(5) == pytest.approx(0.25 * (1 + math.cos(math.pi * 6 / 50)))


@pytest.mark.parametrize("space", ["darts_imagenet", "darts"])
def test_the_last_operation_of_an_edge_stays_on_imagenet(
    space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the released ImageNet script has it; its CIFAR script removes them all."""
    coalitions: list[np.ndarray] = []
    value = ValueFunction._value
    monkeypatch.setattr(
        ValueFunction, "_value", lambda V, S: (coalitions.append(S), value(V, S))[1]
    )
    strategy = playing_strategy(space, {**RELEASED, "permutations": 1, "eta": 9.0})
    strategy.epoch(0, TRAIN, images_of({1: 8}))
    left = np.array(coalitions).reshape(len(coalitions), 28, -1).sum(axis=2)
    assert left[-1].tolist() == [1 if space == "darts_imagenet" else 0] * 28
    assert left[0].tolist() == [7] * 28


@pytest.mark.parametrize("space", ["nasbench201", "darts"])
def test_released_code_runs(space: str) -> None:
    settings = {"fidelity": "released_code", "warmup_epochs": 0, "budget": 9, "eta": 0.05}
    strategy = make_strategy("shapley", space, {**settings, "value_images": 8})
    before = strategy.alpha()
    metrics = strategy.epoch(0, noisy_images(8), noisy_images(16))
    assert metrics["evaluations"] > 1
    assert_allclose(strategy.alpha() - before, 0.1 * strategy.record()["s"], atol=1e-12)


@pytest.mark.parametrize(
    ("estimator", "value"), [("antithetic", "accuracy"), ("gradient", "negative_loss")]
)
def test_other_estimators_resume_bit_for_bit(estimator: str, value: str) -> None:
    settings = {
        "warmup_epochs": 0,
        "permutations": 4,
        "estimator": estimator,
        "value": value,
        "value_images": 8,
    }
    train, valid = noisy_images(8), noisy_images(32, seed=1)
    whole = make_strategy("shapley", "nasbench201", settings)
    metrics = whole.epoch(0, train, valid)
    assert "valid_accuracy" not in metrics, "V(N) has a name of its own"
    assert (metrics["images_backward"] > 8) == (estimator == "gradient")
    resumed = make_strategy("shapley", "nasbench201", settings)
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    for strategy in (whole, resumed):
        strategy.epoch(1, train, valid)
    assert_array_equal(whole.record()["phi"], resumed.record()["phi"])


def test_momentum_over_epochs() -> None:
    """With a constant φ, s is the geometric mean of its direction: 1 - 0.8^t after t epochs."""
    strategy = playing_strategy("nasbench201", WHOLE)
    s = strategy.record()["s"][7]
    for t in range(1, 4):
        strategy.epoch(t - 1, TRAIN, images_of({7: 8}))
        assert strategy.record()["s"][7] == pytest.approx(0.8**t * s + 1 - 0.8**t)


def test_each_epoch_draws_anew() -> None:
    """Permutations and images of epoch 1 are not those of epoch 0, weights held."""
    strategy = make_strategy(
        "shapley", "nasbench201", {**WHOLE, "value_images": 16}, learning_rate=1e-12
    )
    phi = []
    for epoch in range(2):
        strategy._alpha.zero_()
        strategy.epoch(epoch, noisy_images(8), noisy_images(64))
        phi.append(strategy.record()["phi"])
    assert (phi[0] != phi[1]).any()
