"""What trains nothing waits for nothing: a dry run and the verbs that look import no torch."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nasbench.toys import write_toy_table

ROOT = Path(__file__).parents[2]


def imported(*arguments: object) -> set[str]:
    """Top-level packages that a Python process imports, by its own list of import times."""
    command = [sys.executable, "-X", "importtime", "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(re.findall(r"^import time: .*\| +(\w+)$", done.stderr, re.MULTILINE))


@pytest.mark.parametrize(
    "arguments",
    [
        ["pipeline", "--help"],
        ["pipeline", "list", "strategies"],
        ["pipeline", "list", "estimators"],
        ["pipeline", "list", "genotypes"],
        ["pipeline", "plan", "demo"],
        ["snakemake", "-n", "--quiet", "all"],
    ],
    ids=" ".join,
)
def test_without_torch(arguments: list[str]) -> None:
    packages = imported(*arguments)
    assert "click" in packages or arguments[0] == "snakemake"
    assert not packages & {"torch", "torchvision"}


def test_query_and_report_without_torch(tmp_path: Path) -> None:
    table = write_toy_table(tmp_path / "table.csv")
    assert not imported("pipeline", "query", "--table", table, "--index", 1) & {"torch"}
    (tmp_path / "demo").mkdir()
    report = ("report", "--results", tmp_path / "demo", "--out", tmp_path / "page.html")
    packages = imported("pipeline", *report)
    assert "jinja2" in packages
    assert "torch" not in packages


def test_prepare_without_torch(tmp_path: Path) -> None:
    packages = imported("pipeline", "prepare", "--dataset", "digits", "--out", tmp_path / "data")
    assert "numpy" in packages
    assert not packages & {"torch", "sklearn"}
