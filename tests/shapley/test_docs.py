"""The example of docs/shapley.md runs, its table names every estimator, its settings are valid."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline import registry
from pipeline.analysis import results_page
from pipeline.config import jobs, load
from pipeline.files import read_json

PAGE = (Path(__file__).parents[2] / "docs" / "shapley.md").read_text()
CONFIG = Path(__file__).parents[2] / "config"


def block(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.S).group(1)


def test_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict = {}
    exec(block("python"), names)
    assert np.allclose(names["exact"].phi, [1, 1, 1, 0])
    assert "[1. 1. 1. 0.]" in capsys.readouterr().out


def test_the_table_names_every_estimator() -> None:
    section = PAGE.split("## Which estimator")[1].split("\n## ")[0]
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    named = {name for cell in first for name in re.findall(r"`(\w+)`", cell)}
    assert named == set(registry.names("estimators"))


def test_the_settings() -> None:
    config = load.resolve(yaml.safe_load(block("yaml")), CONFIG)
    found = {
        label: jobs.search_job(config, "nasbench201", label).settings
        for label in yaml.safe_load(block("yaml"))["strategies"]
    }
    assert found["shapley_released"]["norm"] == "z_score"
    assert found["shapley_adjusted"]["estimator"] == "regression_adjusted"
    assert found["shapley_soft"]["value"] == "soft_accuracy"


@pytest.mark.parametrize("name", ["shapley_permutations", "shapley_estimators", "shapley_bench"])
def test_the_tables_are_the_measurements(name: str) -> None:
    measurement = read_json(CONFIG.parent / "docs" / "measurements" / f"{name}.json")
    table = results_page._table(measurement["columns"], measurement["rows"])
    assert f"<!-- {name} -->\n{table}\n<!-- end -->" in PAGE
