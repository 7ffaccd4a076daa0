"""Counting, caching, draws, and processes that share the evaluations."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline import registry
from pipeline.shapley import Game, estimate
from tests.shapley.games import Differentiable, Recorder

PAIR = np.array([[True, False, True], [False, True, True]])


def test_a_coalition_is_evaluated_once() -> None:
    asked = Recorder(lambda S: S.sum(axis=1))
    game = Game(asked, 3)
    assert_array_equal(game.value(PAIR[[0, 1, 0]]), [2, 2, 2])
    assert_array_equal(game.value(PAIR[[1]]), [2])
    assert [game.full(), game.full(), game.empty()] == [3, 3, 0]
    assert game.evaluations == asked.cost == 4


def test_a_batch_reaches_the_value_function_as_one_call() -> None:
    sizes: list[int] = []
    game = Game(lambda S: sizes.append(len(S)) or np.zeros(len(S)), 3)
    game.value(PAIR)
    game.value(np.ones((1, 3), dtype=bool))
    assert sizes == [2, 1]


class Draws(Recorder):
    """V is the number of the draw."""

    def __init__(self) -> None:
        super().__init__(lambda S: np.full(len(S), self.draws[-1]))
        self.draws: list[int] = []

    def redraw(self, m: int) -> None:
        self.draws.append(m)


def test_each_draw_has_values_of_its_own() -> None:
    V = Draws()
    game = Game(V, 3)
    found = []
    for m in (4, 7, 4):
        game.redraw(m)
        found.append(game.full())
    assert found == [4, 7, 4]
    assert game.evaluations == V.cost == 2
    assert V.draws == [4, 7]  # nothing new was asked for under the last


def test_a_game_may_say_that_it_does_not_redraw() -> None:
    V = Draws()
    V.redraws = False
    V.draws.append(1)
    game = Game(V, 3)
    for m in range(3):
        game.redraw(m)
        assert game.full() == 1
    assert game.evaluations == 1
    assert V.draws == [1]


def test_gradients_count_three() -> None:
    game = Game(Differentiable(lambda S: S @ np.array([1.0, 2.0, 3.0])), 3)
    assert_array_equal(game.gradient(PAIR), [[1, 2, 3], [1, 2, 3]])
    game.gradient(PAIR)
    game.full()
    assert game.evaluations == 2 * 3 + 1


def test_draws_begin_one_after_the_other() -> None:
    V = Draws()
    game = Game(V, 3)
    assert [(m, game.full()) for m in game.draws([3, 5])] == [(3, 3), (5, 5)]
    assert V.draws == [3, 5]


class Threads:
    """Processes as threads of one, which meet at a barrier."""

    def __init__(self, rank: int, size: int, barrier: Barrier, board: list):
        self.rank, self.n, self.barrier, self.board = rank, size, barrier, board

    def exchange(self, entries: dict) -> list[dict]:
        self.board[self.rank] = dict(entries)
        self.barrier.wait()
        everything = [*self.board]
        self.barrier.wait()
        return everything


class Shifting(Recorder):
    """Each draw shifts V, as other images would."""

    def __init__(self, value: Any):
        super().__init__(lambda S: value(S) + self.shift)
        self.shift = 0.0

    def redraw(self, m: int) -> None:
        self.shift = float(np.random.default_rng(m).normal())


def together(size: int, play: Any) -> list:
    barrier, board, results = Barrier(size), [None] * size, [None] * size

    def run(rank: int) -> None:
        results[rank] = play(Threads(rank, size, barrier, board))

    threads = [Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


@pytest.mark.parametrize("redraws", [False, True])
@pytest.mark.parametrize("estimator", [n for n in registry.names("estimators") if n != "exact"])
def test_any_number_of_processes_gives_the_same_numbers(estimator: str, redraws: bool) -> None:
    """Bit for bit, evaluations included; and the work is shared."""
    n = 8
    table = np.random.default_rng(3).normal(size=2**n)

    def value(S: np.ndarray) -> np.ndarray:  # the same bits whatever the batch
        return table[S @ (1 << np.arange(n))]

    def play(processes: Any) -> tuple:
        game = Shifting(value) if redraws else Recorder(value)
        found = estimate(game, n, estimator, 90, 1, processes)
        return found, game.cost

    (alone, whole_cost), *_ = together(1, play)
    for size in (2, 3):
        for found, cost in together(size, play):
            assert_array_equal(found.phi, alone.phi)
            assert_array_equal(found.standard_error, alone.standard_error)
            assert_array_equal(found.reached, alone.reached)
            assert found.evaluations == alone.evaluations
            assert cost < whole_cost
