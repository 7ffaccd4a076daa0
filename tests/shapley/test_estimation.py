"""What holds for every registered estimator: axioms, budgets, counts, repeatability."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import registry
from pipeline.errors import InputError
from pipeline.shapley import Estimate, estimate, option_names
from tests.shapley import checks
from tests.shapley.games import Differentiable, Recorder, airport, dividends, voting

ESTIMATORS = registry.names("estimators")
# Their values are no Shapley values, by definition or by truncation.
OTHER_VALUES = {"banzhaf", "beta", "gradient", "truncated", "released_code"}
SHAPLEY = [name for name in ESTIMATORS if name not in OTHER_VALUES]
# Σ φ = V(N) - V(∅) in each run; of the others it must not be claimed.
EFFICIENT = [name for name in SHAPLEY if name != "owen"]
SAMPLED = [name for name in SHAPLEY if name != "exact"]
# Values that are means of what a player adds: zero for one that never adds anything.
MARGINAL = [
    name for name in ESTIMATORS if name not in {"kernel", "leverage", "regression_adjusted"}
]


def additive(S: np.ndarray) -> np.ndarray:
    """Worth of a coalition is the sum over its members: each is worth itself."""
    return S @ np.array([0.1, 0.2, 0.3, 0.4])


def play(game, n, estimator, *arguments, **options):
    return estimate(Differentiable(game), n, estimator, *arguments, **options)


@pytest.mark.parametrize("estimator", ESTIMATORS)
class TestEveryEstimator:
    def test_dummy_players_are_worth_what_they_add(self, estimator: str) -> None:
        """Each marginal contribution is the same, so a sample is enough, wherever it is taken."""
        if estimator == "released_code":
            return  # its zeros for the unreached break even this, see test_released_code
        found = play(additive, 4, estimator, budget=200)
        assert_allclose(found.phi, [0.1, 0.2, 0.3, 0.4], atol=1e-9)
        assert_allclose(found.standard_error, 0, atol=1e-9)

    def test_null_player(self, estimator: str) -> None:
        found = play(voting().value, 6, estimator, budget=500)
        error = 0 if estimator in MARGINAL else 4 * found.standard_error[5]
        assert abs(found.phi[5]) <= error <= 0.08
        if estimator not in {"beta", "released_code"}:  # few small coalitions win; mean - deviation
            assert (found.phi[:5] > 0.05).all()

    def test_symmetric_players(self, estimator: str) -> None:
        """Germany, France and Italy are interchangeable, and so are Belgium and the Netherlands."""
        found = play(voting().value, 6, estimator, budget=4_000)
        phi, error = found.phi, 4 * found.standard_error.max() + 1e-12
        assert_allclose(phi[1:3], phi[0], atol=2 * error)
        assert abs(phi[3] - phi[4]) <= 2 * error
        if estimator not in {"beta", "released_code"}:
            assert error / 2 < phi[0] - phi[3]

    def test_scale(self, estimator: str) -> None:
        """φ(3 V) = 3 φ(V): a scale moves no threshold that is relative."""
        value = airport().value
        once = play(value, 5, estimator, budget=100).phi
        assert_allclose(play(lambda S: 3 * value(S), 5, estimator, budget=100).phi, 3 * once)

    def test_evaluations_are_counted_and_kept(self, estimator: str) -> None:
        game = Recorder(airport().value)
        found = estimate(game, 5, estimator, budget=100)
        assert found.evaluations == game.cost <= 100

    def test_repeats(self, estimator: str) -> None:
        first, second = (play(airport().value, 5, estimator, 60, seed=3) for _ in range(2))
        assert_array_equal(first.phi, second.phi)
        assert_array_equal(first.reached, second.reached)

    def test_one_player(self, estimator: str) -> None:
        found = play(lambda S: 0.25 + 0.5 * S[:, 0], 1, estimator, budget=6)
        assert_allclose(found.phi, [0.5])
        assert found.value_full == 0.75

    def test_shapes(self, estimator: str) -> None:
        found = play(airport().value, 5, estimator, budget=60)
        assert isinstance(found, Estimate)
        assert found.phi.dtype == found.standard_error.dtype == np.float64
        assert found.phi.shape == found.standard_error.shape == found.reached.shape == (5,)
        assert (found.reached > 0).all()

    def test_unknown_option(self, estimator: str) -> None:
        known = ", ".join(option_names(estimator)) or "none"
        message = f"{estimator}: unknown option 'permutation'; what it takes: {known}$"
        with pytest.raises(InputError, match=message):
            play(airport().value, 5, estimator, permutation=3)

    def test_its_settings_say_where_defaults_are_from(self, estimator: str) -> None:
        settings = registry.get("estimators", estimator).settings
        settings()  # all have defaults
        for field in settings.model_fields.values():
            assert field.description
            assert field.json_schema_extra["source"]

    def test_budget_too_small(self, estimator: str) -> None:
        with pytest.raises(InputError, match=f"{estimator}: budget"):
            play(airport().value, 5, estimator, budget=1)

    def test_redraws(self, estimator: str) -> None:
        """Each draw adds 10 to V, as easier images would; what a player adds stays the same.

        The value of a coalition under one draw less that under another would show.
        """
        game = OtherImages()
        found = estimate(game, 4, estimator, budget=160)
        assert np.abs(found.phi).max() < 6
        assert found.evaluations == game.cost <= 160
        assert game.draws == list(range(len(game.draws)))
        assert (len(game.draws) == 1) == (estimator == "exact")


class OtherImages(Recorder):
    """Each draw shifts V by a constant; marginals cancel it."""

    def __init__(self) -> None:
        known = dividends(4, seed=5)
        super().__init__(lambda S: known.value(S) + 10 * self.draws[-1])
        self.draws: list[int] = []
        self.known = known

    def redraw(self, permutation: int) -> None:
        self.draws.append(permutation)


@pytest.mark.parametrize("estimator", SAMPLED)
def test_shapley_values(estimator: str) -> None:
    checks.shapley_value(registry.get("estimators", estimator))


@pytest.mark.parametrize("estimator", EFFICIENT)
def test_efficiency(estimator: str) -> None:
    checks.efficiency(registry.get("estimators", estimator))


@pytest.mark.parametrize("estimator", [name for name in ESTIMATORS if name not in EFFICIENT])
def test_efficiency_is_not_claimed_where_it_fails(estimator: str) -> None:
    game = dividends(4, seed=1)
    found = play(game.value, 4, estimator, budget=60)
    ends = game.value(np.array([[False] * 4, [True] * 4]))
    assert not found.efficient
    assert abs(np.nansum(found.phi) - (ends[1] - ends[0])) > 1e-6


@pytest.mark.parametrize("estimator", SAMPLED)
def test_the_standard_error_is_the_spread_over_seeds(estimator: str) -> None:
    checks.honest_error(registry.get("estimators", estimator))


def test_other_seed_other_sample() -> None:
    one, other = (
        estimate(airport().value, 5, "permutation", budget=20, seed=seed) for seed in (0, 1)
    )
    assert (one.phi != other.phi).any()


def test_unknown_estimator() -> None:
    with pytest.raises(InputError, match="did you mean 'permutation'"):
        estimate(airport().value, 5, "permutations")


def test_option_names() -> None:
    assert option_names("exact") == []
    assert option_names("truncated") == ["permutations", "eta", "unreached"]
    assert option_names("released_code")[-1] == "kept_edges"


def test_an_option_of_another_estimator() -> None:
    with pytest.raises(InputError, match=r"kernel: unknown option 'eta'.*takes: samples"):
        estimate(additive, 4, "kernel", eta=0.1)


def test_value_function_that_misbehaves() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 1\)"):
        estimate(lambda S: S.sum(axis=1, keepdims=True), 3)
    with pytest.raises(ValueError, match="not a finite number"):
        estimate(lambda S: np.full(len(S), np.nan), 3)
    with pytest.raises(ValueError, match="at least one player"):
        estimate(lambda S: np.zeros(len(S)), 0)


@pytest.mark.parametrize("estimator", ["permutation", "truncated"])
def test_a_draw_of_its_own_for_each_permutation(estimator: str) -> None:
    game = OtherImages()
    options = {"eta": 1e9} if estimator == "truncated" else {}
    found = estimate(game, 4, estimator, permutations=8, **options)
    same = estimate(game.known.value, 4, estimator, permutations=8, **options)
    assert game.draws == list(range(8))
    assert_allclose(found.phi, same.phi)
    assert found.evaluations == 8 * 5
    assert_allclose(found.value_full, same.value_full + 35)


def test_gradients_need_a_differentiable_game() -> None:
    with pytest.raises(InputError, match="has no gradient"):
        estimate(additive, 4, "gradient")
