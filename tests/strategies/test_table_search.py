"""Strategies that search a table, on one whose optimum is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.config.jobs import SearchJob
from pipeline.errors import InputError
from pipeline.nasbench import Table
from pipeline.stages.search import make_strategy as make_strategy_of_job
from pipeline.strategies.contract import Inputs
from tests.nasbench.toys import toy_frame, write_toy_table
from tests.strategies.toys import CPU, make_strategy, small_search

NAMES = ("evolution", "local_search", "random_search", "reinforce")
WORTH = {"none": 0, "skip_connect": 1, "nor_conv_1x1": 2, "nor_conv_3x3": 3, "avg_pool_3x3": 1.5}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Accuracy = 50 + the worth of the six operations, so that all nor_conv_3x3 is best: 68."""
    frame = toy_frame()
    operations = frame["arch"].str.extractall(r"\|([a-z0-9_]+)~")[0]
    frame["cifar10_valid_12ep"] = 50 + operations.map(WORTH).groupby(level=0).sum()
    frame["cifar10_valid"] = 100 - frame["cifar10_valid_12ep"]
    return Table.load(write_toy_table(tmp_path_factory.mktemp("table") / "toy.csv", frame))


def searched(name: str, table: Table, **settings: Any) -> Any:
    strategy: Any = make_strategy(name, "nasbench201", settings)
    strategy.prepare(Inputs("cifar10", lambda: table))
    for epoch in range(strategy.n_epochs):
        strategy.epoch(epoch, None, None)
    return strategy


def distance(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """Edges on which two architectures differ."""
    return sum(a != b for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_budget_is_kept(name: str, table: Table) -> None:
    strategy = searched(name, table, evaluations=25)
    assert strategy.n_epochs == 3
    assert len(strategy.values) == 25
    best = int(np.argmax(strategy.values))
    chosen = strategy.strength().reshape(6, 5).argmax(axis=1)
    assert tuple(chosen) == strategy.asked[best]
    assert (chosen > 0).all()  # the toy recipe says that `none` may not win


@pytest.mark.parametrize("name", ["evolution", "local_search"])
def test_it_climbs(name: str, table: Table) -> None:
    """On an additive table: the optimum by local search, near it by evolution."""
    strategy = searched(name, table, evaluations=150)
    assert max(strategy.values) == 68 if name == "local_search" else max(strategy.values) >= 66


def test_it_looks_at_the_schedule_that_is_set(table: Table) -> None:
    strategy = searched("local_search", table, evaluations=10, schedule="200")
    assert max(strategy.values) < 50


def test_local_search_moves_to_the_first_better_neighbour(table: Table) -> None:
    """It stands at the best so far and asks for a new neighbour, until there is none."""
    strategy = searched("local_search", table, evaluations=60, starts=1)
    standing, n_optima = 0, 0
    for n in range(1, 60):
        if distance(strategy.asked[standing], strategy.asked[n]) != 1:
            near = [x for x in strategy.asked[:n] if distance(strategy.asked[standing], x) == 1]
            assert len(near) == 18  # all are known
            standing, n_optima = n, n_optima + 1
        elif strategy.values[n] > strategy.values[standing]:
            standing = n
    assert n_optima >= 1
    assert len(set(strategy.asked)) == 60


def test_an_ascent_starts_at_the_best_of_ten_random_cells(table: Table) -> None:
    strategy = searched("local_search", table, evaluations=11)
    best = strategy.asked[int(np.argmax(strategy.values[:10]))]
    assert len(set(strategy.asked)) == 11
    assert distance(best, strategy.asked[10]) == 1


def test_evolution_draws_a_node_and_then_its_edge(table: Table) -> None:
    """Edge 0 alone enters node 1: a third of the mutations. Edges 3 to 5 have a ninth each."""
    strategy: Any = make_strategy("evolution", "nasbench201", {})
    rng, parent = np.random.default_rng(0), (1, 2, 3, 4, 1, 2)
    children = np.array([strategy.mutated(parent, rng) for _ in range(3000)])
    shares = (children != parent).mean(axis=0)
    assert_allclose(shares, [1 / 3, 1 / 6, 1 / 6, 1 / 9, 1 / 9, 1 / 9], atol=0.025)
    assert ((children != parent).sum(axis=1) == 1).all()


def test_evolution_mutates_the_best_of_the_living(table: Table) -> None:
    """So many are drawn, with replacement, that the parent is the best of the last four."""
    strategy = searched("evolution", table, evaluations=30, population=4, tournament=100)
    for n in range(4, 30):
        living, values = strategy.asked[n - 4 : n], strategy.values[n - 4 : n]
        best = [x for x, value in zip(living, values, strict=True) if value == max(values)]
        assert any(distance(parent, strategy.asked[n]) == 1 for parent in best)


def test_reinforce_by_hand() -> None:
    """The first reward is the baseline; the second, above it, moves each logit by Adam's rate.

    The baseline after both: (.1 * .9 * 60 + .1 * 80) / (1 - .81).
    """
    strategy: Any = make_strategy("reinforce", "nasbench201", {"learning_rate": 0.5})
    picks = (1, 2, 3, 4, 1, 2)
    strategy.values.append(60.0)
    strategy.tell(picks, 60.0)
    assert_allclose(strategy._theta, 0, atol=1e-6)
    strategy.values.append(80.0)
    strategy.tell(picks, 80.0)
    assert strategy._rewards / strategy._weight == pytest.approx(13.4 / 0.19)
    # The rate, corrected for the zero gradient before: m = 0.1 g / 0.19, v = 0.001 g² / 0.001999.
    moved = 0.5 * (0.1 / (1 - 0.9**2)) / np.sqrt(0.001 / (1 - 0.999**2))
    expected = np.full((6, 4), -moved)
    expected[range(6), np.array(picks) - 1] = moved
    assert_allclose(strategy._theta, expected, atol=1e-5)


def test_errors_are_one_line(table: Table) -> None:
    strategy: Any = make_strategy("evolution", "nasbench201", {})
    with pytest.raises(InputError, match=r"none is at hand: put nas_bench_201/nas_bench"):
        strategy.prepare(Inputs("cifar10", lambda: None))
    with pytest.raises(InputError, match="knows no data set 'digits'; choose one of cifar10"):
        strategy.prepare(Inputs("digits", lambda: table))


def job(algorithm: str, space: str) -> SearchJob:
    table = "table.csv"
    recipe = small_search(space)
    return SearchJob(space=space, algorithm=algorithm, settings={}, search=recipe, table=table)


@pytest.mark.parametrize(("name", "space"), [("evolution", "darts"), ("p_darts", "nasbench201")])
def test_the_stage_names_the_spaces_that_are_searched(name: str, space: str) -> None:
    with pytest.raises(InputError, match=f"{name} searches spaces of .* only, not '{space}'"):
        make_strategy_of_job(job(name, space), 4, 0, CPU)
