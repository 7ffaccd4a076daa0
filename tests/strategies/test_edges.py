"""Strategies with an importance of their own for edges: PC-DARTS and SGAS, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.strategies.edges import ranked_strength
from pipeline.strategies.greedy import OPEN, PRUNED, Decisions, edge_scores
from pipeline.strategies.weights import Tally
from pipeline.supernet.cell import MixedCell
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
    strength = ranked_strength(weights, importance, np.ones((28, 7), dtype=bool))
    node = space.genotype_from(strength).cells["normal"][3]
    names = space.operations[0][0]
    assert node == ((names[weights[12].argmax()], 3), (names[weights[9].argmax()], 0))
    assert_array_equal(np.argsort(strength.reshape(28, 7)), np.argsort(weights))


def test_pc_darts_weighs_edges() -> None:
    strategy: Any = make_strategy("pc_darts", "darts", {})
    with torch.no_grad():
        strategy._beta.copy_(torch.arange(28) * 0.1)
    β = strategy.edge_weights().detach()
    e = np.exp(0.1 * np.arange(2, 5))
    assert_allclose(β[2:5], e / e.sum())  # node 3 has edges 2, 3, 4
    assert_allclose(strategy.relaxed().detach().view(28, 7).sum(1), β, atol=1e-6)
    gradients = strategy.alpha_gradient(None, (torch.randn(4, 3, 8, 8), torch.arange(4)), Tally())
    assert [len(g) for g in gradients] == [28 * 7, 28]
    assert all((g != 0).any() for g in gradients)


def test_pc_darts_ranks_edges_by_the_product() -> None:
    strategy: Any = make_strategy("pc_darts", "darts", {})
    with torch.no_grad():
        strategy._alpha.zero_()
        strategy._beta.zero_()
        strategy._beta[[10, 13]] = 3.0
    node = strategy.space.genotype_from(strategy.strength()).cells["normal"][3]
    assert sorted(source for _, source in node) == [1, 4]


def test_edge_weights_reach_the_channels_that_go_by() -> None:
    """Twice the weights, twice the first node: all of its channels, shuffled or not."""
    space = space_of("darts")
    torch.manual_seed(0)
    cell = MixedCell(space, 0, 8, partial=4).eval()
    x = torch.randn(2, 8, 6, 6)
    weights = torch.rand(14, 7)
    with torch.no_grad():
        plain, twice = (cell([x, x], k * weights)[:, :8] for k in (1, 2))
        assert not torch.allclose(2 * plain, twice)
        cell.weigh_bypass = True
        plain, twice = (cell([x, x], k * weights)[:, :8] for k in (1, 2))
        assert torch.allclose(2 * plain, twice, atol=1e-5)


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
