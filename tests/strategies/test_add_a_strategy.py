"""The page that shows how to add a strategy: its code runs and meets the contract."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pipeline import registry
from pipeline.config.experiments import StrategyLabel
from tests.contract.test_strategies import check
from tests.contract.test_strategies import test_metadata as check_metadata
from tests.strategies.toys import CPU, Playing, images_of, small_search

PAGE = Path(__file__).parents[2] / "docs" / "add-a-strategy.md"


def block(language: str) -> str:
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", PAGE.read_text(), re.M | re.S)
    assert len(found) == 1
    return found[0][1]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The page's module, registered for one test."""
    monkeypatch.setitem(registry._entries, "strategies", dict(registry._entries["strategies"]))
    module: dict[str, Any] = {"__name__": "pipeline.strategies.leave_one_out"}
    exec(compile(block("python"), str(PAGE), "exec", dont_inherit=True), module)
    return module


def test_it_meets_the_contract(page: dict[str, Any]) -> None:
    assert "leave_one_out" in registry.names("strategies")
    check_metadata("leave_one_out")
    check("leave_one_out", "nasbench201")


def test_strength_is_what_the_accuracy_loses(page: dict[str, Any]) -> None:
    """`Playing` gets an image wrong if its player is missing."""
    recipe = small_search("nasbench201", epochs=1)
    space = registry.get("spaces", "nasbench201")(recipe.supernet)
    strategy = page["LeaveOneOut"](
        space, Playing(space), page["LeaveOneOutSettings"](), recipe, 0, CPU
    )
    strategy.epoch(0, images_of({1: 8}), images_of({1: 4, 7: 16}))
    expected = np.zeros(30)
    expected[[1, 7]] = 0.2, 0.8
    np.testing.assert_allclose(strategy.strength(), expected)


def test_the_label_is_valid(page: dict[str, Any]) -> None:
    (label,) = yaml.safe_load(block("yaml"))["strategies"].values()
    algorithm = registry.get("strategies", StrategyLabel(**label).algorithm)
    assert algorithm.metadata.settings(**label["settings"]).value_images == 512


def test_it_is_short() -> None:
    code = [line for line in block("python").splitlines() if line.strip()]
    assert sum(not line.startswith(("import", "from")) for line in code) <= 32
