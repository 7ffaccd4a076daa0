"""The page that shows how to add a strategy: its code runs and meets the contract."""

from __future__ import annotations

import types

import numpy as np
import pytest
import yaml

from pipeline import registry
from pipeline.config.experiments import StrategyLabel
from pipeline.registry.strategies import StrategyEntry
from tests import pages
from tests.contract.test_strategies import check
from tests.contract.test_strategies import test_entry as check_entry
from tests.strategies.toys import CPU, Playing, images_of, small_search

FILE, ENTRY = pages.blocks("add-a-strategy.md", "python")
(LABEL,) = pages.blocks("add-a-strategy.md", "yaml")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The page's module, registered for one test."""
    pages.registered_for_one_test("strategies", monkeypatch)
    pages.add_entry("strategies", ENTRY, StrategyEntry)
    return pages.module_of(FILE, "pipeline.strategies.leave_one_out", monkeypatch)


def test_it_meets_the_contract(page: types.ModuleType) -> None:
    assert "leave_one_out" in registry.names("strategies")
    check_entry("leave_one_out")
    check("leave_one_out", "nasbench201")


def test_strength_is_what_the_accuracy_loses(page: types.ModuleType) -> None:
    """`Playing` gets an image wrong if its player is missing."""
    recipe = small_search("nasbench201", epochs=1)
    space = registry.get("spaces", "nasbench201")(recipe.supernet)
    strategy = page.LeaveOneOut(space, Playing(space), page.LeaveOneOutSettings(), recipe, 0, CPU)
    strategy.epoch(0, images_of({1: 8}), images_of({1: 4, 7: 16}))
    expected = np.zeros(30)
    expected[[1, 7]] = 0.2, 0.8
    np.testing.assert_allclose(strategy.strength(), expected)


def test_the_label_is_valid(page: types.ModuleType) -> None:
    (label,) = yaml.safe_load(LABEL)["strategies"].values()
    entry = registry.entry("strategies", StrategyLabel(**label).algorithm)
    assert entry.settings_model()(**label["settings"]).value_images == 512


def test_it_is_short() -> None:
    code = [line for line in FILE.splitlines() if line.strip()]
    assert sum(not line.startswith(("import", "from")) for line in code) <= 32
