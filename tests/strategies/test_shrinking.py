"""Operations leave one by one: the fit, who leaves, when, and what that finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.nasbench import Table
from pipeline.strategies.contract import Inputs
from pipeline.strategies.contributions import Evaluated, additive, evaluate
from pipeline.strategies.remaining import Remaining, behind
from tests.nasbench.toys import toy_frame, write_toy_table
from tests.strategies.toys import make_strategy, noisy_images

EDGES, OPERATIONS = 6, 5


def every_cell(left: np.ndarray) -> np.ndarray:
    """Players of all cells of what is left."""
    choices = [np.flatnonzero(row) for row in left.reshape(EDGES, OPERATIONS)]
    grid = np.stack(np.meshgrid(*choices, indexing="ij"), axis=-1).reshape(-1, EDGES)
    return grid + OPERATIONS * np.arange(EDGES)


def known(players: np.ndarray, accuracy: np.ndarray) -> Evaluated:
    return Evaluated(players, accuracy, np.zeros(len(players), dtype=np.int64))


def test_an_additive_game_is_found_whatever_the_draws_add() -> None:
    rng = np.random.default_rng(0)
    worth = rng.normal(size=(EDGES, OPERATIONS))
    worth -= worth.mean(axis=1, keepdims=True)
    players = rng.integers(OPERATIONS, size=(600, EDGES)) + OPERATIONS * np.arange(EDGES)
    draw = np.arange(600) // 20
    level = 10 * rng.normal(size=30)
    found = Evaluated(players, worth.ravel()[players].sum(axis=1) + level[draw], draw)
    assert_allclose(additive(found, worth.size, ridge=1e-9), worth.ravel(), atol=1e-3)
    without = additive(replace(found, draw=np.zeros_like(draw)), worth.size)
    assert np.abs(without - worth.ravel()).max() > 0.5  # so the levels did matter


def test_an_unseen_player_is_worth_nothing() -> None:
    found = known(np.array([[0, 5], [1, 5]]), np.array([1.0, 3.0]))
    a = additive(found, 10)
    assert_array_equal(a[[2, 3, 4, 6, 7, 8, 9]], 0)
    assert a[1] > 0 and a[1] == pytest.approx(-a[0])


def test_who_is_behind_by_how_much() -> None:
    a = np.array([1.0, 4.0, 2.0, 9.0, 5.0, 7.0])
    left = np.array([True, True, True, False, True, False])
    assert_array_equal(behind(a, left, 3), [3, 0, 2, -np.inf, -np.inf, -np.inf])


def test_what_is_forgotten_and_what_is_still_possible() -> None:
    first = known(np.array([[0, 5], [1, 5]]), np.array([1.0, 2.0]))
    both = first.and_then(known(np.array([[0, 6], [1, 6]]), np.array([3.0, 4.0])), most=3)
    assert_array_equal(both.accuracy, [2, 3, 4])
    assert_array_equal(both.draw, [0, 1, 1])
    left = np.ones(10, dtype=bool)
    left[1] = False
    assert_array_equal(both.among(left).accuracy, [3])


def test_removal_finds_what_no_additive_score_chooses() -> None:
    """Operation 1 looks best on edge 3 too, until 2 is alone on edge 0."""
    space = make_strategy("random", "nasbench201", {}).space
    remaining = Remaining(space, none_may_win=False, seed=0)
    worth = np.zeros((EDGES, OPERATIONS))
    worth[:, 1] = 1.0
    worth[0, 2] = 1.5

    def accuracy(players: np.ndarray) -> np.ndarray:
        operations = players % OPERATIONS
        together = (operations[:, 0] == 2) & (operations[:, 3] == 3)
        return worth.ravel()[players].sum(axis=1) + 2.0 * together

    cells = every_cell(remaining.left)
    alone = additive(known(cells, accuracy(cells)), worth.size).reshape(worth.shape)
    assert alone[3].argmax() == 1  # 2 / 4 on average is less than 1
    while remaining.next <= remaining.n_removals:
        cells = every_cell(remaining.left)
        remaining.remove(known(cells, accuracy(cells)))
    best = cells[accuracy(cells).argmax()]
    assert_array_equal(np.flatnonzero(remaining.left), best)
    assert_array_equal(remaining.left.reshape(worth.shape).argmax(axis=1), [2, 1, 1, 3, 1, 1])
    chosen = remaining.strength().reshape(worth.shape).argmax(axis=1)
    assert_array_equal(chosen, best % OPERATIONS)


@pytest.mark.parametrize(("start", "end"), [(0.25, 0.9), (0.0, 1.0)])
def test_all_leave_in_time(start: float, end: float) -> None:
    settings = {"architectures": 4, "value_images": 4, "start": start, "end": end}
    strategy: Any = make_strategy("shrinking", "nasbench201", settings)
    train, valid = noisy_images(12, 8, seed=1), noisy_images(12, 8, seed=2)
    left = []
    for epoch in range(strategy.n_epochs):
        metrics = strategy.epoch(epoch, train, valid)
        left.append(metrics["operations_left"])
    assert left[-1] == EDGES and left == sorted(left, reverse=True)
    n_steps = -(-12 // strategy.search.batch_size)
    due = [strategy._due(epoch, n_steps) for epoch in range(strategy.n_epochs)]
    assert sum(map(len, due)) == EDGES * 3  # of four operations besides `none`
    assert all(0 <= step < n_steps for steps in due for step in steps)


def test_architectures_of_a_draw_see_the_same_images() -> None:
    strategy: Any = make_strategy("shrinking", "nasbench201", {})
    valid = noisy_images(12, 8, seed=2)
    cell = strategy._remaining.left.reshape(EDGES, -1).argmax(axis=1) + 5 * np.arange(EDGES)
    found, n = evaluate(strategy.supernet, valid, [cell.tolist()] * 40, 6, seed=0)
    assert n == 40 * 6
    assert_array_equal(found.draw, [0] * 32 + [1] * 8)
    assert len(set(found.accuracy[:32])) == 1  # one architecture, one draw


def searched(table: Table, dataset: str, seed: int) -> Any:
    strategy: Any = make_strategy("lookup_shrinking", "nasbench201", {}, seed)
    strategy.prepare(Inputs(dataset, lambda: table))
    for epoch in range(strategy.n_epochs):
        strategy.epoch(epoch, None, None)
    return strategy


def test_look_ups(tmp_path) -> None:
    """All are spent, the last one on the cell that remains."""
    table = Table.load(write_toy_table(tmp_path / "t.csv", toy_frame()))
    strategy = searched(table, "cifar10", seed=0)
    assert len(strategy.values) == 100
    assert strategy._remaining.left.sum() == EDGES
    last = strategy._remaining.left.reshape(EDGES, -1).argmax(axis=1)
    assert strategy.asked[-1] == tuple(last)
