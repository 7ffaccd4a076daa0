"""The files around the code agree with each other."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = [
    Requirement(text)
    for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
]


def constraints():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {re.sub("[-_.]+", "-", name).lower(): pin for name, pin in pins}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_every_dependency_is_pinned_within_its_range(requirement):
    pin = constraints()[re.sub("[-_.]+", "-", requirement.name).lower()]
    assert requirement.specifier.contains(pin)
    assert requirement.specifier.contains(version(requirement.name))


def test_environment_yml_asks_for_what_pyproject_asks_for():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    plain = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert f"python{PROJECT['requires-python']}" in plain
    wanted = {Requirement(text) for text in PROJECT["dependencies"]}
    assert {Requirement(text) for text in pip if not text.startswith("-")} == wanted


def test_citation_names_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["preferred-citation"]["title"].startswith("Shapley-NAS: Discovering")
    assert citation["version"] == PROJECT["version"]


def test_the_pages_name_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {t for page in pages for t in re.findall(r"`make ([a-z-]+)", page.read_text())}
    assert named >= {"guide", "disk", "clean-state", "ui"}
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.M), target
