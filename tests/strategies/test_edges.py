"""Strategies with an importance of their own for edges: PC-DARTS and SGAS, by hand."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import registry
from pipeline.strategies.edges import ranked_strength
from pipeline.strategies.greedy import OPEN, PRUNED, Decisions, edge_scores
from pipeline.strategies.weights import Tally
from tests.strategies.toys import make_strategy, noisy_images


def space_of(name: str) -> Any:
    return make_strategy("random", name, {}).space


def test_ranked_strength() -> None:
    """Of node 5's four edges those of importance .9 and .8 stay; operations by weight."""
    space = space_of("darts")
    rng = np.random.default_rng(0)
    weights = rng.random((28, 7))
    importance = np.full(28, 0.1)
    importance[[9, 12]] = 0.8, 0.9  # normal cell, node 5: edges 9 to 13
    strength = ranked_strength(space, weights, importance)
    node = space.genotype_from(strength).cells["normal"][3]
    names = space.operations[0][0]
    assert node == ((names[weights[12].argmax()], 3), (names[weights[9].argmax()], 0))
    assert_array_equal(np.argsort(strength.reshape(28, 7)), np.argsort(weights))


def test_where_all_edges_stay_none_ranks_by_its_weight() -> None:
    space = space_of("nasbench201")
    weights = np.tile([0.4, 0.3, 0.2, 0.1, 0.0], (6, 1))
    strength = ranked_strength(space, weights, np.linspace(0, 1, 6))
    assert_array_equal(np.argsort(-strength.reshape(6, 5)), np.tile(np.arange(5), (6, 1)))
    assert "none" in space.genotype_from(strength, none_may_win=True).to_arch_string()
    assert "none" not in space.genotype_from(strength).to_arch_string()


WEIGHED = {"channels": 4, "cells": 3, "partial_channels": 2, "edge_normalisation": True}


def weighed(name: str, settings: dict[str, Any]) -> Any:
    return make_strategy(name, "darts", settings, supernet=WEIGHED)


def test_pc_darts_has_it_everywhere_and_moves_beta_with_alpha() -> None:
    recipes = registry.entry("strategies", "pc_darts").recipes
    assert {*recipes} == {*registry.names("spaces")}
    assert all(recipe["supernet"]["edge_normalisation"] for recipe in recipes.values())
    strategy = weighed("pc_darts", {})
    β = strategy.supernet.beta
    assert strategy.architecture()[1] is β
    assert not any(w is β for w in strategy.weight_optimiser.param_groups[0]["params"])
    gradients = strategy.alpha_gradient(None, (torch.randn(4, 3, 8, 8), torch.arange(4)), Tally())
    assert [g.numel() for g in gradients] == [28 * 7, 28]
    assert all((g != 0).any() for g in gradients)
    strategy.epoch(0, noisy_images(8), noisy_images(8, seed=1))
    assert (β == 0).all()  # the warm-up
    strategy.epoch(1, noisy_images(8), noisy_images(8, seed=1))
    assert torch.isclose(β.abs(), torch.tensor(6e-4), rtol=0.1).all()  # Adam's first step


@pytest.mark.parametrize("name", ["pc_darts", "shapley"])
def test_edges_rank_by_the_product(name: str) -> None:
    strategy = weighed(name, {})
    with torch.no_grad():
        strategy._alpha.zero_()
        strategy.supernet.beta.view(-1)[[10, 13]] = 3.0
    node = strategy.space.genotype_from(strategy.strength()).cells["normal"][3]
    assert sorted(source for _, source in node) == [1, 4]


def test_a_shapley_search_with_weighed_edges_resumes_bit_for_bit() -> None:
    settings = {"permutations": 1, "value_images": 4, "eta": 0.0}
    train, valid = noisy_images(8), noisy_images(8, seed=1)
    whole = weighed("shapley", settings)
    whole.epoch(0, train, valid)
    halfway = io.BytesIO()
    torch.save(whole.state_dict(), halfway)
    whole.epoch(1, train, valid)
    halfway.seek(0)
    resumed = weighed("shapley", settings)
    resumed.load_state_dict(torch.load(halfway, weights_only=True))
    resumed.epoch(1, train, valid)
    assert (whole.supernet.beta != 0).any()
    assert torch.equal(whole.supernet.beta, resumed.supernet.beta)
    assert_array_equal(whole.strength(), resumed.strength())
    assert not np.array_equal(whole.strength(), whole.alpha())


def test_scores_by_hand() -> None:
    """Importance .5 and .8; certainty 1 and 0 (uniform over two); scaled: (0, 1) and (1, 0)."""
    weights = np.array([[0.5, 0.5, 0.0], [0.2, 0.4, 0.4], [0.35, 0.65, 0.0]])
    selectable = np.array([[False, True, True]] * 3)
    score, p = edge_scores(weights, selectable, 1)
    assert_allclose(p, [[1, 0], [0.5, 0.5], [1, 0]] @ np.eye(3)[1:])
    assert_allclose(score, [0, 0, 0.5], atol=1e-9)
    past = [np.array([[0.0, 1, 0], [0, 1, 0], [0, 0, 1]])]
    stable, _ = edge_scores(weights, selectable, 1, past)  # intersections 1, .5, 0
    assert_allclose(stable, [0, 0, 0], atol=1e-9)


def test_decisions_leave_a_node_two_edges() -> None:
    decisions = Decisions(space_of("darts"))
    p = np.eye(7)[np.arange(28) % 7]
    score = np.zeros(28)
    score[[3, 14 + 2]] = 1.0
    decisions.decide(score, p, 0)
    assert decisions.operation[3] == 3
    assert decisions.operation[16] == 16 % 7
    assert (decisions.operation == OPEN).sum() == 26
    score[[2, 14 + 4]] = 0.5
    decisions.decide(score, p, 1)  # node 3 (edges 2 to 4) has its two
    assert decisions.operation[4] == PRUNED
    assert decisions.operation[14 + 3] == PRUNED
    assert_array_equal(decisions.order[[3, 2, 4]], [0, 1, -1])


def test_sgas_decides_on_time_and_for_good() -> None:
    """Of ten epochs: the first decision after the second, then one each."""
    strategy: Any = make_strategy("sgas", "nasbench201", {}, epochs=10)
    with torch.no_grad():
        strategy._alpha.copy_(torch.linspace(-1, 1, 30).sin())
    best = strategy.alpha().reshape(6, 5)[:, 1:].argmax(axis=1) + 1  # never `none`
    counts = []
    for epoch in range(3):
        counts.append(strategy.epoch(epoch, noisy_images(8), noisy_images(8))["edges_open"])
    assert counts == [6, 5, 4]
    decided = strategy._decisions.operation >= 0
    assert_array_equal(strategy._decisions.operation[decided], best[decided])
    weights = strategy.mixing().view(6, 5)[torch.from_numpy(decided)]
    assert_allclose(weights.sort(dim=1).values, [[0, 0, 0, 0, 1]] * 2)


@pytest.mark.parametrize("criterion", [1, 2])
def test_sgas_ranks_decided_edges_first(criterion: int) -> None:
    strategy: Any = make_strategy("sgas", "darts", {"criterion": criterion})
    score, p = strategy._scores()
    for round_ in range(14):
        strategy._decisions.decide(score, p, round_)
    operation = strategy._decisions.operation
    assert (operation >= 0).sum() == 16
    assert (operation == PRUNED).sum() == 12
    cells = strategy.space.genotype_from(strategy.strength()).cells
    for t, cell in enumerate(cells.values()):
        for node, inputs in zip(strategy.space.nodes, cell, strict=True):
            sources = {source for _, source in inputs}
            edges = strategy.space.incoming(node)
            assert sources == {s for e, s in edges if operation[14 * t + e] >= 0}
