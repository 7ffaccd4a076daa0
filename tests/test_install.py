"""An installation without the checkout: the package and a folder to work in."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from pipeline import layout
from pipeline.errors import InputError

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a fresh environment with this package, beside the dependencies of this one."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    site.joinpath("others.pth").write_text(sysconfig.get_path("purelib"))
    command = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install"]
    made = subprocess.run(
        [*command, "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if "setuptools>=77" in made.stderr or "invalid_require" in made.stderr:
        pytest.skip("this environment's setuptools is older than the build needs")
    assert made.returncode == 0, made.stderr
    return folder / "bin" / "python"


@pytest.mark.workflow
def test_a_folder_of_the_workflow_runs_without_the_checkout(python: Path, tmp_path: Path) -> None:
    """`shapley-nas init` lays out what Snakemake plans the whole demo from."""
    environment = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}", "PYTHONPATH": ""}

    def run(*command: str | Path, cwd: Path) -> str:
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    there = run(python, "-c", "import pipeline; print(pipeline.__file__)", cwd=tmp_path)
    assert str(ROOT) not in there
    study = tmp_path / "study"
    said = run(python.parent / "shapley-nas", "init", study, cwd=tmp_path)
    assert f"cd {study}" in said
    planned = run(python, "-m", "snakemake", "-n", "--cores", "1", cwd=study)
    jobs = counts(planned)
    assert jobs["search_architecture"] > 1
    assert jobs["write_report"] == jobs["all"] == 1


def counts(table: str) -> dict[str, int]:
    """Jobs of each rule, as `snakemake -n` lists them."""
    rows = [line.split() for line in table.splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    with pytest.raises(InputError, match="config exists; choose an empty folder"):
        layout.lay_out(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config"]


def test_all_files_of_the_workflow_are_installed() -> None:
    """Every file below the parts that `init` copies is named in pyproject.toml."""
    import tomllib

    named = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = [pattern for one in named["data-files"].values() for pattern in one]
    installed = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    tracked = subprocess.run(
        ["git", "ls-files", *layout.PARTS], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {ROOT / path for path in tracked} <= installed
