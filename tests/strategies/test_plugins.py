"""A strategy of another package, found by its entry point, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIST = "from pipeline import registry; print(*registry.names('strategies'))"


def install(folder: Path, module: str) -> None:
    """What pip would put into site-packages."""
    (folder / "their_strategy.py").write_text(module)
    info = folder / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[shapley_nas.strategies]\ntheirs = their_strategy\n")


def listed(folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), str(folder)])
    return subprocess.run(
        [sys.executable, "-c", LIST],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


THEIRS = """
from pipeline.registry import add
from pipeline.registry.strategies import StrategyEntry

add("strategies", StrategyEntry("theirs", "theirs.search:Theirs", title="Theirs", paper="none"))
"""


def test_it_is_listed(tmp_path: Path) -> None:
    install(tmp_path, THEIRS)
    found = listed(tmp_path)
    assert "theirs" in found.stdout.split(), found.stderr
    assert "shapley" in found.stdout.split()


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        (THEIRS.replace('("theirs"', '("random"'), "registered twice"),
    ],
)
def test_a_broken_one_is_named(tmp_path: Path, module: str, reason: str) -> None:
    install(tmp_path, module)
    error = listed(tmp_path).stderr.splitlines()[-1]
    assert "entry point 'theirs' (their_strategy) of group shapley_nas.strategies" in error
    assert reason in error
