"""What holds for every registered estimator: axioms, budgets, counts, repeatability."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import registry
from pipeline.errors import InputError
from pipeline.shapley import Estimate, estimate, option_names
from tests.shapley.games import Recorder, airport, dividends, voting

ESTIMATORS = registry.names("estimators")


def additive(S: np.ndarray) -> np.ndarray:
    """Worth of a coalition is the sum over its members: each is worth itself."""
    return S @ np.array([0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("estimator", ESTIMATORS)
class TestEveryEstimator:
    def test_dummy_players_are_worth_what_they_add(self, estimator: str) -> None:
        """Each marginal contribution is the same, so a sample is enough, wherever it is taken."""
        found = estimate(additive, 4, estimator, budget=200)
        assert_allclose(found.phi, [0.1, 0.2, 0.3, 0.4], atol=1e-12)
        assert_allclose(found.standard_error, 0, atol=1e-12)

    def test_null_player(self, estimator: str) -> None:
        found = estimate(voting().value, 6, estimator, budget=500)
        assert found.phi[5] == 0
        assert (found.phi[:5] > 0.05).all()

    def test_symmetric_players(self, estimator: str) -> None:
        """Germany, France and Italy are interchangeable, and so are Belgium and the Netherlands."""
        found = estimate(voting().value, 6, estimator, budget=10_000)
        phi, error = found.phi, 4 * found.standard_error.max() + 1e-12
        assert_allclose(phi[1:3], phi[0], atol=error)
        assert abs(phi[3] - phi[4]) < error < phi[0] - phi[3]

    def test_scale(self, estimator: str) -> None:
        """φ(3 V) = 3 φ(V): a scale moves no threshold that is relative."""
        value = airport().value
        once = estimate(value, 5, estimator, budget=100).phi
        assert_allclose(estimate(lambda S: 3 * value(S), 5, estimator, budget=100).phi, 3 * once)

    def test_evaluations_are_counted_and_kept(self, estimator: str) -> None:
        game = Recorder(airport().value)
        found = estimate(game, 5, estimator, budget=100)
        assert found.evaluations == len(game.asked) <= 100

    def test_repeats(self, estimator: str) -> None:
        first, second = (estimate(airport().value, 5, estimator, 60, seed=3) for _ in range(2))
        assert_array_equal(first.phi, second.phi)
        assert_array_equal(first.reached, second.reached)

    def test_one_player(self, estimator: str) -> None:
        found = estimate(lambda S: 0.25 + 0.5 * S[:, 0], 1, estimator, budget=5)
        assert_allclose(found.phi, [0.5])
        assert found.value_full == 0.75

    def test_shapes(self, estimator: str) -> None:
        found = estimate(airport().value, 5, estimator, budget=60)
        assert isinstance(found, Estimate)
        assert found.phi.dtype == found.standard_error.dtype == np.float64
        assert found.phi.shape == found.standard_error.shape == found.reached.shape == (5,)

    def test_unknown_option(self, estimator: str) -> None:
        with pytest.raises(InputError, match=f"{estimator}: unknown option 'permutation'"):
            estimate(airport().value, 5, estimator, permutation=3)


def test_other_seed_other_sample() -> None:
    one, other = (estimate(airport().value, 5, budget=60, seed=seed) for seed in (0, 1))
    assert (one.phi != other.phi).any()


def test_unknown_estimator() -> None:
    with pytest.raises(InputError, match="did you mean 'permutation'"):
        estimate(airport().value, 5, "permutations")


def test_option_names() -> None:
    assert option_names("exact") == []
    assert option_names("truncated") == ["permutations", "eta"]


def test_value_function_that_misbehaves() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 1\)"):
        estimate(lambda S: S.sum(axis=1, keepdims=True), 3)
    with pytest.raises(ValueError, match="not a finite number"):
        estimate(lambda S: np.full(len(S), np.nan), 3)
    with pytest.raises(ValueError, match="at least one player"):
        estimate(lambda S: np.zeros(len(S)), 0)


class OtherImages:
    """Each draw shifts V by a constant, as easier images would; marginals cancel it."""

    def __init__(self) -> None:
        self.draws: list[int] = []
        self.known = dividends(4, seed=5)

    def redraw(self, permutation: int) -> None:
        self.draws.append(permutation)

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        return self.known.value(coalitions) + 10 * self.draws[-1]


@pytest.mark.parametrize("estimator", ["permutation", "truncated"])
def test_redraws_for_each_permutation(estimator: str) -> None:
    """V(N) of an older draw would put the shift of 10 into the first player's contribution."""
    game = OtherImages()
    options = {"eta": 1e9} if estimator == "truncated" else {}
    found = estimate(game, 4, estimator, permutations=8, **options)
    same = estimate(game.known.value, 4, estimator, permutations=8, **options)
    assert game.draws == list(range(8))
    assert_allclose(found.phi, same.phi)
    assert found.evaluations == 8 * 5
    assert_allclose(found.value_full, same.value_full + 35)


def test_redraws_once_for_enumeration() -> None:
    game = OtherImages()
    assert_allclose(estimate(game, 4, "exact").phi, game.known.phi)
    assert game.draws == [0]
