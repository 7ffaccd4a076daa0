"""The page that shows how to add an estimator: its code runs and does what all must do."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.testing import assert_allclose

from pipeline import registry
from pipeline.config.experiments import StrategyLabel
from pipeline.errors import InputError
from pipeline.shapley import estimate
from tests.shapley.test_estimation import TestEveryEstimator as EveryEstimator
from tests.shapley.test_game import (
    test_any_number_of_processes_gives_the_same_numbers as check_processes,
)

PAGE = Path(__file__).parents[2] / "docs" / "add-an-estimator.md"
# Big players' votes are not needed when all others vote, nor enough alone.
BY_SIZE = {"test_null_player", "test_symmetric_players"}


def block(language: str) -> str:
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^\1```", PAGE.read_text(), re.M | re.S)
    assert len(blocks) == 1
    return blocks[0][1]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's module, registered for one test."""
    registry.names("estimators")
    monkeypatch.setitem(registry._entries, "estimators", dict(registry._entries["estimators"]))
    module = {"__name__": "pipeline.shapley.ends"}
    exec(compile(block("python"), str(PAGE), "exec", dont_inherit=True), module)


@pytest.mark.parametrize(
    "check", sorted({name for name in dir(EveryEstimator) if name.startswith("test_")} - BY_SIZE)
)
def test_it_does_what_all_must_do(check: str) -> None:
    getattr(EveryEstimator(), check)("ends")


def test_processes_share_it() -> None:
    check_processes("ends", redraws=True)


def test_it_is_exact_where_players_interact_in_pairs() -> None:
    rng = np.random.default_rng(0)
    worth, pairs = rng.normal(size=6), rng.normal(size=(6, 6))

    def value(S: np.ndarray) -> np.ndarray:
        return S @ worth + np.einsum("bi,ij,bj->b", S, pairs, S)

    phi = estimate(value, 6, "ends").phi
    assert_allclose(phi, estimate(value, 6, "exact").phi, atol=1e-12)
    assert np.abs(estimate(value, 6, "ends", last=1.0).phi - phi).max() > 0.1


def test_a_search_takes_its_options_and_no_others() -> None:
    (label,) = yaml.safe_load(block("yaml"))["strategies"].values()
    model = registry.entry("strategies", StrategyLabel(**label).algorithm).settings_model()
    assert model(**label["settings"]).options() == {"last": 0.7, "draws": 10}
    with pytest.raises(InputError, match=r"ends: unknown option 'eta'.*takes: draws, last"):
        model(**label["settings"], eta=0.1)


def test_it_is_short() -> None:
    code = [line for line in block("python").splitlines() if line.strip()]
    assert sum(not line.startswith(("import", "from")) for line in code) <= 32
