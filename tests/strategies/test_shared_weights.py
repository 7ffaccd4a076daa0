"""Strategies that compare architectures or coalitions under shared weights.

On a `Playing` supernet an image is right if and only if its player is there, so that accuracies
are known.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from pipeline.registry.strategies.sampling import EnasSettings
from pipeline.strategies.architectures import choose_all, one_hot, shared_accuracy
from pipeline.strategies.controller import Controller, PolicyGradient
from pipeline.strategies.perturbation import due_decisions
from tests.strategies.toys import Playing, images_of, make_strategy, noisy_images, on_supernet

TRAIN = images_of({0: 8})


def space_of(name: str) -> Any:
    return make_strategy("random", name, {}).space


def test_accuracy_of_an_architecture() -> None:
    space = space_of("nasbench201")
    images = images_of({1: 6, 7: 2})
    batches = [(images.pixels, images.labels)]
    assert shared_accuracy(Playing(space), batches, one_hot(space, [1, 9])) == (0.75, 8)


@pytest.mark.parametrize(("name", "n"), [("nasbench201", 6), ("darts", 16)])
def test_choices_make_a_genotype(name: str, n: int) -> None:
    """Every choice shows in the genotype: none is `none`, no edge is chosen twice."""
    space, rng = space_of(name), np.random.default_rng(0)
    for _ in range(20):
        chosen = choose_all(space, lambda _, allowed: rng.choice(np.flatnonzero(allowed)))
        assert len(chosen) == n
        genotype = space.genotype_from(one_hot(space, chosen))
        expected = {
            (
                space.players[p].cell_type,
                space.edges[space.players[p].edge],
                space.players[p].operation,
            )
            for p in chosen
        }
        found = {
            (cell_type, (node, source), name)
            for cell_type, cell in genotype.cells.items()
            for node, inputs in zip(space.nodes, cell, strict=True)
            for name, source in inputs
        }
        assert found == expected


def test_rsps_keeps_the_best() -> None:
    """Only architectures with player 7 (an operation on the second edge) get images right."""
    strategy: Any = on_supernet("rsps", Playing, {"candidates": 30}, epochs=1)
    metrics = strategy.epoch(0, TRAIN, images_of({7: 12}))
    assert metrics["best_drawn_accuracy"] == 1
    assert strategy.strength()[7] == 1
    assert metrics["images_forward"] == 8 + 30 * 12


@pytest.mark.parametrize(
    ("name", "log_n"),
    [
        ("nasbench201", 6 * math.log(4)),
        ("darts", 2 * sum(math.log(7 * n) + math.log(7 * (n - 1)) for n in (2, 3, 4, 5))),
    ],
)
def test_controller_without_weights_is_uniform(name: str, log_n: float) -> None:
    controller = Controller(space_of(name), none_may_win=False, seed=0)
    with torch.no_grad():
        controller.logits.weight.zero_()
    _, log_probability, entropy = controller.draw(torch.Generator().manual_seed(0))
    assert log_probability.item() == pytest.approx(-log_n, rel=1e-5)
    assert entropy.item() == pytest.approx(log_n, rel=1e-5)


def test_controller_learns() -> None:
    """The reward is 1 with player 7 and else 0."""
    settings = EnasSettings(controller_learning_rate=0.02, samples=4)
    training = PolicyGradient(Controller(space_of("nasbench201"), False, seed=0), settings)
    training.end_epoch()
    generator = torch.Generator().manual_seed(0)
    rewards = [training.step(lambda players: float(7 in players), generator) for _ in range(30)]
    assert np.mean(rewards[-10:]) > np.mean(rewards[:10]) + 0.3


def test_baseline_by_hand() -> None:
    """In the first epoch the accuracy itself; then .9 of where the epoch before ended."""
    settings = EnasSettings(baseline_decay=0.9, samples=2, entropy_weight=0.0)
    training = PolicyGradient(Controller(space_of("nasbench201"), False, seed=0), settings)
    rewards = iter([1.0, 0.5, 0.7, 0.8])
    training.step(lambda _: next(rewards), torch.Generator().manual_seed(0))
    assert training.baseline == 0.5
    training.end_epoch()
    training.step(lambda _: next(rewards), torch.Generator().manual_seed(0))
    assert training.baseline == pytest.approx(0.9 * 0.5 + 0.1 * 0.8)


def test_entropy_is_a_reward() -> None:
    """Of equal accuracies only the entropies, 6 ln 4 each at the start, tell."""
    settings = EnasSettings(baseline_decay=0.9, samples=1, entropy_weight=0.5)
    training = PolicyGradient(Controller(space_of("nasbench201"), False, seed=0), settings)
    with torch.no_grad():
        training.controller.logits.weight.zero_()
    training.end_epoch()
    training.step(lambda _: 0.4, torch.Generator().manual_seed(0))
    assert training.baseline == pytest.approx(0.1 * (0.4 + 0.5 * 6 * math.log(4)), rel=1e-5)


def test_the_learning_rate_falls_and_rises() -> None:
    strategy: Any = on_supernet("enas", Playing, {"cosine_epochs": 10}, learning_rate_min=0.01)
    first, last = strategy.search.learning_rate, 0.01
    rates = [strategy.learning_rate(epoch) for epoch in (0, 5, 10, 20)]
    assert_allclose(rates, [first, (first + last) / 2, last, first])


def test_enas_keeps_the_best() -> None:
    settings = {"candidates": 30, "steps": 1, "samples": 2}
    strategy: Any = on_supernet("enas", Playing, settings, epochs=1)
    metrics = strategy.epoch(0, TRAIN, images_of({7: 12}))
    assert strategy.strength()[7] == 1
    assert metrics["images_forward"] == 8 + 2 * 8 + 30 * 12


def test_perturbation_selects_what_costs_most() -> None:
    """Edge e loses most with operation 1 + e mod 4, though alpha prefers another."""
    strategy: Any = on_supernet("darts_pt", Playing, {"tune_epochs": 0}, epochs=1)
    best = [5 * e + 1 + e % 4 for e in range(6)]
    with torch.no_grad():
        strategy._alpha[[5 * e + 1 + (e + 1) % 4 for e in range(6)]] = 1.0
    assert strategy.n_epochs == 2
    metrics = strategy.epoch(1, TRAIN, images_of(dict.fromkeys(best, 2)))
    assert_allclose(strategy.strength().reshape(6, 5).argmax(axis=1) + 5 * np.arange(6), best)
    assert metrics == {"images_forward": 6 * 4 * 12, "images_backward": 0}


def test_perturbation_ranks_edges() -> None:
    """Node 5 of the normal cell: its images come over edges 10 and 13."""
    strategy: Any = on_supernet("darts_pt", Playing, {"tune_epochs": 0}, "darts", epochs=1)
    strategy.epoch(1, TRAIN, images_of({7 * 10 + 3: 4, 7 * 13 + 5: 8}))
    node = strategy.space.genotype_from(strategy.strength()).cells["normal"][3]
    assert node == (("dil_conv_3x3", 4), ("sep_conv_3x3", 1))


def test_perturbation_takes_its_time() -> None:
    """Decisions on NAS-Bench-201 at epochs 3, 5, 7, ... with two epochs in between."""
    strategy: Any = on_supernet("darts_pt", Playing, {"tune_epochs": 2})
    assert strategy.n_epochs == 3 + 2 * 5 + 1
    due = [due_decisions(epoch - 3, 2, 6) for epoch in range(strategy.n_epochs)]
    assert [e for e, d in enumerate(due) if d] == [3, 5, 7, 9, 11, 13]
    assert [number for d in due for number in d] == [0, 1, 2, 3, 4, 5]
    first = strategy.search.learning_rate / 10
    assert [strategy.learning_rate(epoch) for epoch in (3, 13)] == [first, first]
    falling: Any = on_supernet("darts_pt", Playing, {"tune_epochs": 2, "tune_rate_min": 0.001})
    assert falling.learning_rate(3) == pytest.approx(first)
    assert falling.learning_rate(14) == pytest.approx(0.001)


def test_sgd_starts_anew_before_the_selection() -> None:
    strategy: Any = make_strategy("darts_pt", "nasbench201", {"value_images": 4})
    images = noisy_images(8)
    strategy.epoch(2, images, images)
    momentum = strategy.weight_optimiser
    strategy.epoch(3, images, images)
    assert strategy.weight_optimiser is not momentum


@pytest.mark.parametrize("name", ["darts_shapley", "darts_shapley_frozen"])
def test_shapley_values_choose(name: str) -> None:
    """20 images, 12 of player 1 and 8 of player 7: φ = .6 and .4, after the last epoch only."""
    settings = {"permutations": 2, "eta": 1.0, "warmup_epochs": 2}  # `Playing` has no gradient
    strategy: Any = on_supernet(name, Playing, settings, epochs=2)
    valid = images_of({1: 12, 7: 8})
    first = strategy.epoch(0, TRAIN, valid)
    assert "evaluations" not in first
    assert_allclose(strategy.strength(), strategy.alpha())
    strategy.epoch(1, TRAIN, valid)
    expected = np.zeros(30)
    expected[[1, 7]] = 0.6, 0.4
    assert_allclose(strategy.strength(), expected, atol=1e-12)


def test_frozen_is_frozen() -> None:
    strategy: Any = on_supernet("darts_shapley_frozen", Playing, {}, epochs=9)
    before = strategy.alpha()
    metrics = strategy.epoch(0, TRAIN, images_of({1: 12}))
    assert_allclose(strategy.alpha(), before)
    assert metrics["images_forward"] == 8
