"""Whose value is at fault, in which words, and all faults at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from pipeline.config import load
from pipeline.config.layers import merge
from pipeline.config.model import Config
from pipeline.errors import InputError

FOLDER = Path(__file__).parents[2] / "config"


def resolve(*layers: tuple[str, dict[str, Any]]) -> Config:
    return load.resolve(merge(*(values for _, values in layers)), FOLDER, dict(layers))


def numbers(model: BaseModel, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Where the configuration holds a number."""
    found = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            found += numbers(value, (*path, name))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((*path, name))
    return found


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for part in reversed(path):
        value = {part: value}
    return value


wrong = (
    st.from_regex(r"[a-z]{1,9}", fullmatch=True)
    | st.booleans()
    | st.lists(st.integers(), max_size=2)
    | st.sampled_from([float("nan"), float("inf"), float("-inf"), -1, None, {"a": 1}])
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(numbers(Config())), wrong)
def test_a_wrong_value_of_any_key_names_key_and_option(path, value):
    if value is None or value == -1:
        value = "none"  # some keys may be null, some may be negative
    with pytest.raises(InputError) as caught:
        resolve(("config/config.yaml", {}), ("--configfile mine.yaml", nested(path, value)))
    (fault,) = caught.value.faults
    assert fault.startswith(f"--configfile mine.yaml: {'.'.join(path)}: ")


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(numbers(Config())))
def test_an_unknown_key_at_any_depth_is_named_with_the_nearest(path):
    mistyped = (*path[:-1], path[-1] + "x")
    with pytest.raises(InputError, match=f"did you mean '{path[-1]}'") as caught:
        resolve(("config/config.yaml", {}), ("--config", nested(mistyped, 1)))
    assert str(caught.value).startswith(f"--config: unknown key '{'.'.join(mistyped)}'")


def test_all_faults_are_said_at_once_each_by_the_file_that_it_is_from():
    with pytest.raises(InputError) as caught:
        resolve(
            ("config/config.yaml", {"seeds": 5, "device": "gpu"}),
            ("--configfile mine.yaml", {"retrain": {"darts": {"epochs": "many"}}}),
            ("--config", {"tracking": "maybe", "sed": 1}),
        )
    assert sorted(caught.value.faults) == [
        "--config: tracking: expected true or false (given: 'maybe')",
        "--config: unknown key 'sed'; did you mean 'seeds'?",
        "--configfile mine.yaml: retrain.darts.epochs: expected a whole number such as 3 "
        "(given: 'many')",
        "config/config.yaml: device: expected 'auto', 'cpu' or 'cuda'; did you mean 'cpu'? "
        "(given: 'gpu')",
        "config/config.yaml: seeds: expected a list such as [0, 1] (given: 5)",
    ]


def test_a_value_that_a_later_file_replaces_is_the_later_files():
    first, second = ("config/config.yaml", {"seeds": 5}), ("--config", {"seeds": 6})
    with pytest.raises(InputError, match=r"^--config: seeds: .* \(given: 6\)$"):
        resolve(first, second)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("search.darts.learning_rate", "1e1", 10.0),  # YAML 1.1 reads a text here
        ("search.darts.learning_rate", 1, 1.0),
        ("search.darts.epochs", "1_000", 1000),
        ("search.darts.epochs", "7", 7),  # Snakemake's --config hands lists of texts on
        ("search.darts.epochs", 7.0, 7),
        ("split.balanced", "yes", True),
        ("download", "off", False),
        ("seeds", ["0", "1"], (0, 1)),
        ("data_root", "~/data", str(Path.home() / "data")),
        ("data_root", "$SHAPLEY_NAS_HOME/data", "/home/x/data"),
    ],
)
def test_values_that_can_be_meant_one_way_are_taken(key, value, expected, monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_HOME", "/home/x")
    found: Any = resolve(("f", nested(tuple(key.split(".")), value)))
    for part in key.split("."):
        found = getattr(found, part)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("search.darts.epochs", "1e1", "a whole number such as 3"),
        ("search.darts.epochs", 7.5, "a whole number such as 3"),
        ("search.darts.epochs", True, "yes, no, on and off"),
        ("seeds", [True], "yes, no, on and off"),
        ("seeds", [1, 1], "1 stands twice; remove one"),
        ("seeds", [-1], "greater than or equal to 0"),
        ("seeds", [], "at least one entry"),
        ("seeds", None, "a list such as"),
        ("experiments", ["demo", "demo"], "'demo' stands twice"),
        ("mlflow_experiment", True, "text; put it in quotes"),
        ("mlflow_experiment", 3, "text; put it in quotes"),
        ("data_root", "$NOT_SET_HERE/data", "a variable that is not set here"),
        ("search.darts.learning_rate", "fast", "a number such as 0.1"),
        ("split", None, "`key: value` lines"),
    ],
)
def test_values_that_cannot_be_meant_are_refused_in_words(key, value, words):
    with pytest.raises(InputError) as caught:
        resolve(("f", nested(tuple(key.split(".")), value)))
    (fault,) = caught.value.faults
    assert fault.startswith(f"f: {key}") and words in fault
