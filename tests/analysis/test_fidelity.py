"""docs/fidelity.md: complete, current, and our own values those of the searches that run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline import registry
from pipeline.analysis import fidelity
from pipeline.config import load
from pipeline.errors import InputError

ROOT = Path(__file__).parents[2]
FILES = fidelity.read(ROOT / fidelity.FOLDER)
PAPER = load.resolve({"preset": "paper"}, ROOT / "config")


def test_every_strategy_has_a_file() -> None:
    names = [one.strategy for one in FILES]
    assert sorted(names) == registry.names("strategies")
    assert len(names) >= 21
    assert all(one.source and (one.values or one.rules) for one in FILES)


@pytest.mark.parametrize("one", FILES, ids=lambda one: one.strategy)
def test_what_differs_says_why(one: fidelity.Fidelity) -> None:
    """And what is the same says nothing: a default that moves fails here."""
    for space, values in one.values.items():
        for value in values:
            ours = fidelity.effective(PAPER, one.strategy, space, value.key)
            assert (ours != value.authors) == bool(value.why), (space, value.key, ours)
    for rule in one.rules:
        assert (rule.ours == "the same") != bool(rule.why), rule.what


def test_the_tests_that_hold_rules_exist() -> None:
    named = [rule.test for one in FILES for rule in one.rules if rule.test]
    assert len(named) > 10
    for path, _, function in (name.partition("::") for name in named):
        assert re.search(rf"^def {function}\b", (ROOT / path).read_text(), re.M), (path, function)


def test_the_page_is_current() -> None:
    """`python -m pipeline fidelity` mends a failure."""
    assert (ROOT / "docs" / "fidelity.md").read_text() == fidelity.render(ROOT / fidelity.FOLDER)


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(InputError, match=r"drnas\.yaml: darts: no key settings\.penalty"):
        fidelity.effective(PAPER, "drnas", "darts", "settings.penalty")
