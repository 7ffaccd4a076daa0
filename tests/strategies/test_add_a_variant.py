"""The page that shows a variant of Shapley-NAS: its code runs and means what the page says."""

from __future__ import annotations

import re
import types

import numpy as np
import pytest
import yaml
from numpy.testing import assert_allclose

from pipeline import registry
from pipeline.config.experiments import Experiment
from pipeline.registry.strategies import StrategyEntry
from pipeline.registry.strategies.shapley import ShapleySettings
from tests import pages
from tests.contract.test_strategies import check, small_and_repeatable  # noqa: F401
from tests.contract.test_strategies import test_entry as check_entry
from tests.strategies.toys import CPU, Playing, images_of, small_search

FILE, ENTRY = pages.blocks("add-a-variant.md", "python")
(EXPERIMENT,) = pages.blocks("add-a-variant.md", "yaml")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The page's module, registered for one test."""
    pages.registered_for_one_test("strategies", monkeypatch)
    pages.add_entry("strategies", ENTRY, StrategyEntry)
    return pages.module_of(FILE, "pipeline.strategies.average_shapley", monkeypatch)


def test_it_meets_the_contract(page: types.ModuleType) -> None:
    assert "average_shapley" in registry.names("strategies")
    check_entry("average_shapley")
    check("average_shapley", "nasbench201")


def test_s_is_the_mean_of_what_was_estimated(page: types.ModuleType) -> None:
    """Images of player 1 only, then of player 7 only: φ / ‖φ‖ is one or the other unit vector."""
    recipe = small_search("nasbench201", epochs=2)
    space = registry.get("spaces", "nasbench201")(recipe.supernet)
    settings = ShapleySettings(warmup_epochs=0, permutations=1, eta=1.0)
    strategy = page.AverageShapley(space, Playing(space), settings, recipe, 0, CPU)
    for epoch, player in enumerate((1, 7)):
        strategy.epoch(epoch, images_of({0: 8}), images_of({player: 8}))
    expected = np.zeros(30)
    expected[[1, 7]] = 0.5
    assert_allclose(strategy.record()["s"], expected, atol=1e-12)


def test_the_experiment_is_valid(page: types.ModuleType) -> None:
    experiment = Experiment(name="average", **yaml.safe_load(EXPERIMENT))
    assert [row.strategy for row in experiment.rows] == ["shapley", "average_shapley"]


def test_it_needs_ten_lines_and_no_private_name() -> None:
    body = FILE[FILE.index("class ") :]
    assert len(body.split("\n")) <= 10
    assert not re.search(r"\b_\w", body)
