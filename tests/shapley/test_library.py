"""The library for games of any kind: noise, seeds, budgets, names, frames, files, pairs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.errors import InputError
from pipeline.shapley import Estimate, estimate, estimate_interactions
from tests.shapley.games import KnownGame, Recorder, airport, dividends, random_table, voting

NAMES = ["Ann", "Bob", "Cy", "Di", "Eve"]


def table(n: int, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """A game of 2^n random values."""
    values = np.random.default_rng(seed).normal(size=2**n)
    return lambda coalitions: values[coalitions @ (1 << np.arange(n))]


class Noisy(Recorder):
    """A game whose every answer is off by a normal number."""

    def __init__(self, game: KnownGame, scale: float, seed: int):
        super().__init__(game.value)
        self.scale, self.rng = scale, np.random.default_rng(seed)

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        return super().__call__(coalitions) + self.scale * self.rng.normal(size=len(coalitions))


class TestNoise:
    @pytest.mark.parametrize("estimator", [None, "permutation", "leverage", "exact"])
    def test_intervals_cover(self, estimator: str | None) -> None:
        """95 % intervals hold the true value of 90 to 98 % of players, noise not declared.

        Over 60 runs of seven players that share has an error of .01 to .02.
        """
        game, budget = random_table(7, seed=2), 120 if estimator != "exact" else 128 * 6
        inside = []
        for seed in range(60):
            found = estimate(Noisy(game, 0.5, seed), 7, estimator, budget, seed)
            low, high = found.interval().T
            inside.append((low <= game.phi) & (game.phi <= high))
            assert found.noisy
        assert 0.90 <= np.mean(inside) <= 0.98

    def test_exact_says_nothing_of_an_error_that_it_cannot_know(self) -> None:
        found = estimate(Noisy(airport(), 0.1, 0), 5, "exact", budget=40)
        assert np.isnan(found.standard_error).all()
        assert (estimate(airport().value, 5, "exact").standard_error == 0).all()

    def test_it_may_be_declared(self) -> None:
        game = Noisy(airport(), 0.1, 0)
        found = estimate(game, 5, "permutation", 60, noisy=True)
        assert found.noisy
        assert found.evaluations == game.cost <= 60

    def test_a_plain_game_is_not_noisy(self) -> None:
        assert not estimate(airport().value, 5, "permutation", 60).noisy
        assert not estimate(Noisy(airport(), 1e-7, 0), 5, "permutation", 60).noisy  # rounding


class TestSeeds:
    def phi(self, seed: Any) -> np.ndarray:
        return estimate(table(8, 1), 8, "permutation", 60, seed).phi

    def test_integers(self) -> None:
        assert_array_equal(self.phi(3), self.phi(np.int64(3)))
        assert (self.phi(3) != self.phi(4)).any()

    def test_generators_are_drawn_from(self) -> None:
        rng = np.random.default_rng(1)
        one, other = self.phi(rng), self.phi(rng)
        assert (one != other).any()
        assert_array_equal(self.phi(np.random.default_rng(1)), one)

    def test_none_is_another_one_each_time(self) -> None:
        assert (self.phi(None) != self.phi(None)).any()

    @pytest.mark.parametrize("seed", [1.5, "1", True, [1]])
    def test_others_are_refused(self, seed: Any) -> None:
        with pytest.raises(InputError, match="seed is"):
            self.phi(seed)


class TestBudget:
    @pytest.mark.parametrize("n", [10, 12])
    @pytest.mark.parametrize("estimator", [None, "permutation", "antithetic", "kernel", "leverage"])
    def test_it_is_spent(self, n: int, estimator: str | None) -> None:
        game = Recorder(lambda S: np.sqrt(S.sum(axis=1)))
        found = estimate(game, n, estimator, 800)
        assert 800 - 2 * (n + 1) <= found.evaluations == game.cost <= 800

    @pytest.mark.parametrize("budget", [32, 33, 1000])
    def test_everything_is_enumerated_where_it_reaches(self, budget: int) -> None:
        found = estimate(airport().value, 5, budget=budget)
        assert_allclose(found.phi, airport().phi, atol=1e-12)
        assert found.evaluations <= budget

    @pytest.mark.parametrize("size", [1, 7, 64])
    @pytest.mark.parametrize("estimator", ["permutation", "leverage", "owen", "exact"])
    def test_batches_are_as_large_as_wanted(self, size: int, estimator: str) -> None:
        sizes: list[int] = []
        values = table(8, 0)

        def value(coalitions: np.ndarray) -> np.ndarray:
            sizes.append(len(coalitions))
            return values(coalitions)

        found = estimate(value, 8, estimator, 300, batch_size=size)
        assert max(sizes) <= size
        assert np.median(sizes[2:]) > size / 2
        assert_array_equal(found.phi, estimate(values, 8, estimator, 300).phi)


class TestInterruption:
    def test_what_is_known_comes_back(self) -> None:
        """Ctrl-C at the hundredth evaluation: whole permutations stay, with right values."""
        game = KnownGame("table", table(8, 0), np.zeros(8))

        def value(coalitions: np.ndarray) -> np.ndarray:
            if asked.cost > 100:
                raise KeyboardInterrupt
            return asked(coalitions)

        asked = Recorder(game.value)
        found = estimate(value, 8, "permutation", 250)
        assert found.interrupted
        assert 1 < found.reached[0] < estimate(game.value, 8, "permutation", 250).reached[0]
        few = estimate(game.value, 8, "permutation", permutations=int(found.reached[0]))
        assert_allclose(found.phi, few.phi)

    @pytest.mark.parametrize(
        ("estimator", "options"), [("truncated", {}), ("permutation", {"keep_known": False})]
    )
    def test_others_stop(self, estimator: str, options: dict) -> None:
        def value(coalitions: np.ndarray) -> np.ndarray:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            estimate(value, 8, estimator, 250, noisy=False, **options)

    def test_progress_is_told(self) -> None:
        told: list[int] = []
        found = estimate(airport().value, 5, "permutation", 20, progress=told.append)
        assert told == sorted(told)
        assert told[-1] == found.evaluations


class TestAnswer:
    def found(self) -> Estimate:
        return estimate(airport().value, NAMES, "permutation", permutations=6)

    def test_frame_and_top(self) -> None:
        found = self.found()
        frame = found.to_frame()
        assert [*frame.index] == NAMES
        assert_array_equal(frame["phi"], found.phi)
        assert (frame["low"] <= frame["phi"]).all()
        assert [name for name, _ in found.top(2)] == [*frame["phi"].nlargest(2).index]
        assert found.value_empty == pytest.approx(0)

    def test_a_name_twice(self) -> None:
        with pytest.raises(InputError, match="'a' stands twice"):
            estimate(airport().value, ["a", "b", "a", "c", "d"])

    def test_it_is_kept(self, tmp_path: Path) -> None:
        path, found = tmp_path / "values.json", self.found()
        found.save(path)
        again = Estimate.load(path)
        for name, value in vars(found).items():
            assert_array_equal(getattr(again, name), value)

    @pytest.mark.parametrize("text", ["{}", "[]", '{"format": "shapley-estimate-1"}', '{"phi": 1}'])
    def test_other_files_are_refused(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "values.json").write_text(text)
        with pytest.raises(InputError, match=r"values\.json"):
            Estimate.load(tmp_path / "values.json")

    def test_pictures(self, tmp_path: Path) -> None:
        axes = self.found().plot()
        assert [label.get_text() for label in axes.get_yticklabels()] == NAMES
        assert_allclose([bar.get_width() for bar in axes.patches], self.found().phi)
        pairs = estimate_interactions(airport().value, NAMES, 32)
        drawn = pairs.plot().images[0].get_array()
        assert_allclose(np.asarray(drawn)[0, 1], pairs.pairs[0, 1])

    def test_the_interval_is_students(self) -> None:
        """Two permutations: one degree of freedom, 12.706 standard errors."""
        found = estimate(dividends(4, 1).value, 4, "permutation", permutations=2)
        low, high = found.interval().T
        assert_allclose((high - low) / 2, 12.7062 * found.standard_error, rtol=1e-4)


def by_definition(game: KnownGame) -> np.ndarray:
    """I_ij as a sum over all S without i and j, weights (n - s - 2)! s! / (n - 1)!."""
    n = game.n_players
    found = np.full((n, n), np.nan)
    for i, j in combinations(range(n), 2):
        others = [o for o in range(n) if o not in (i, j)]
        total = 0.0
        for s in range(n - 1):
            for members in combinations(others, s):
                S = np.zeros((4, n), dtype=bool)
                S[:, list(members)] = True
                S[[0, 1], i] = S[[0, 2], j] = True
                both, first, second, none = game.value(S)
                weight = factorial(n - s - 2) * factorial(s) / factorial(n - 1)
                total += weight * (both - first - second + none)
        found[i, j] = found[j, i] = total
    return found


class TestPairs:
    @pytest.mark.parametrize(
        "game", [airport(), voting(), dividends(4, 1), random_table(6, 4)], ids=lambda g: g.name
    )
    def test_exact(self, game: KnownGame) -> None:
        found = estimate_interactions(game.value, game.n_players, 2**game.n_players)
        assert_allclose(found.pairs, by_definition(game), atol=1e-12)
        ends = game.value(np.array([[False], [True]]).repeat(game.n_players, axis=1))
        assert_allclose(found.main.sum() + np.nansum(found.pairs) / 2, ends[1] - ends[0])
        assert_allclose(found.main + np.nansum(found.pairs, axis=1) / 2, game.phi, atol=1e-12)

    def test_shapiq(self) -> None:
        shapiq = pytest.importorskip("shapiq")
        game = random_table(6, seed=4)
        exact = shapiq.ExactComputer(lambda S: game.value(np.asarray(S, bool)), n_players=6)
        theirs = exact(index="k-SII", order=2)
        found = estimate_interactions(game.value, 6, 64)
        for i, j in combinations(range(6), 2):
            assert found.pairs[i, j] == pytest.approx(theirs[(i, j)], abs=1e-9)
        for i in range(6):
            assert found.main[i] == pytest.approx(theirs[(i,)], abs=1e-9)

    def test_sampled_values_are_unbiased_with_honest_errors(self) -> None:
        """100 runs of 60 evaluations."""
        game = random_table(6, seed=4)
        truth = by_definition(game)
        rows, columns = np.triu_indices(6, 1)
        z = []
        for seed in range(100):
            found = estimate_interactions(game.value, 6, 60, seed)
            assert found.evaluations <= 60
            error = found.standard_error[rows, columns]
            z.append((found.pairs - truth)[rows, columns] / np.maximum(error, 1e-9))
        mean = np.mean(
            [estimate_interactions(game.value, 6, 60, s).pairs for s in range(100)], axis=0
        )
        spread = np.std(
            [estimate_interactions(game.value, 6, 60, s).pairs for s in range(100)], axis=0
        )
        assert (np.abs(mean - truth)[rows, columns] < 4.5 * spread[rows, columns] / 10).all()

    def test_a_pair_that_works_only_together(self) -> None:
        found = estimate_interactions(lambda S: 2.0 * (S[:, 0] & S[:, 1]) + S[:, 2], 12, 400)
        frame = found.to_frame()
        assert (frame["first"][0], frame["second"][0]) == ("0", "1")
        assert frame["interaction"][0] == pytest.approx(2)
        assert np.abs(frame["interaction"][1:]).max() < 1e-12

    def test_budget_too_small(self) -> None:
        with pytest.raises(InputError, match="budget is 20, at least 32"):
            estimate_interactions(airport().value, 5, 20)
