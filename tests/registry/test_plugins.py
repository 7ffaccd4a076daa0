"""A package that brings something of every kind, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.registry import plugins

ROOT = Path(__file__).parents[2]
GROUPS = "".join(f"[shapley_nas.{kind}]\ntheirs = their_package\n\n" for kind in plugins.KINDS)
THEIRS = """
from pipeline.registry import add, register
from pipeline.registry.datasets import DataSetEntry
from pipeline.registry.spaces import SpaceEntry
from pipeline.registry.strategies import StrategyEntry
from pipeline.shapley.estimation import Estimate, estimator

add("strategies", StrategyEntry("theirs", "their_package:Theirs", title="Theirs", paper="none"))
add("spaces", SpaceEntry("their_space", "their_package:space"))
add("datasets", DataSetEntry("their_images", "their_package:IMAGES"))


@register("operations", "their_operation")
def their_operation(channels, stride, affine):
    return None


@estimator("their_estimator")
def their_estimator(game, rng, budget, settings):
    return Estimate.unknown(game.n_players)
"""
LIST = f"from pipeline import registry; print(*map(registry.names, {plugins.KINDS}))"


def install(folder: Path, module: str) -> None:
    """What pip would put into site-packages."""
    (folder / "their_package.py").write_text(module)
    info = folder / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(GROUPS)


def run(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), str(folder)])
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_kinds_are_listed(tmp_path: Path) -> None:
    install(tmp_path, THEIRS)
    found = run(tmp_path, LIST)
    theirs = ("theirs", "their_estimator", "their_space", "their_operation", "their_images")
    for name in (*theirs, "shapley", "darts", "sep_conv_3x3", "digits"):
        assert f"'{name}'" in found.stdout, found.stderr


def test_a_space_of_theirs_has_a_recipe(tmp_path: Path) -> None:
    install(tmp_path, THEIRS)
    program = "from pipeline.config import load; print(load.resolve({}).search.their_space.epochs)"
    found = run(tmp_path, program)
    assert found.stdout == "50\n", found.stderr


def test_the_record_of_a_run_names_their_package(tmp_path: Path) -> None:
    install(tmp_path, THEIRS)
    program = (
        "import json; from pipeline.config import code; from pipeline.registry import sources\n"
        "job = {'algorithm': 'theirs', 'space': 'darts', 'settings': {'estimator': 'truncated'}}\n"
        "print(json.dumps(sources.plugins(code.things(job, 'their_images'))))\n"
    )
    found = run(tmp_path, program)
    first, second = json.loads(found.stdout)
    package = {"distribution": "their-package", "version": "1.0", "digest": first["digest"]}
    assert first == {"kind": "strategies", "name": "theirs", **package}
    assert second == {"kind": "datasets", "name": "their_images", **package}
    assert len(first["digest"]) == 12


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        (THEIRS.replace('("theirs"', '("random"'), "registered twice"),
    ],
)
def test_a_broken_one_is_named(tmp_path: Path, module: str, reason: str) -> None:
    install(tmp_path, module)
    error = run(tmp_path, LIST).stderr.splitlines()[-1]
    assert "entry point 'theirs' (their_package) of group shapley_nas.strategies" in error
    assert reason in error
