"""An installation without the checkout: the package and a folder to work in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from pipeline import layout
from pipeline.errors import InputError
from tests.workflow.conftest import EXPERIMENT, SETTINGS

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


@dataclass(frozen=True)
class Study:
    """A folder made by `shapley-nas init`, and the installation that made it."""

    folder: Path
    python: Path

    def run(self, *command: str | Path) -> str:
        """The output of a command of the installation, run in the folder."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SHAPLEY_NAS")}
        search_path = f"{self.python.parent}:{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**inherited, "PATH": search_path, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def snakemake(self, *arguments: str) -> str:
        return self.run(self.python, "-m", "snakemake", "--cores", "2", *arguments)


@pytest.fixture(scope="module")
def study(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A folder for studies, made without the checkout."""
    study = Study(tmp_path_factory.mktemp("study"), python)
    there = study.run(python, "-c", "import pipeline; print(pipeline.__file__)")
    assert str(ROOT) not in there
    said = study.run(python.parent / "shapley-nas", "init", study.folder)
    assert f"cd {study.folder}" in said
    return study


@pytest.mark.workflow
def test_a_folder_of_the_workflow_plans_the_whole_demo(study: Study) -> None:
    jobs = counts(study.snakemake("-n"))
    assert jobs["search_architecture"] > 1
    assert jobs["write_report"] == jobs["all"] == 1


@pytest.mark.workflow
def test_a_folder_of_the_workflow_runs_without_the_checkout(study: Study) -> None:
    """One search on digits, with its genotype, query and report, as the demo runs them."""
    row = EXPERIMENT["rows"][0] | {"retrain": [], "removal": False}
    text = yaml.safe_dump({"title": "Toy", "rows": [row]})
    study.folder.joinpath("config", "experiments", "toy.yaml").write_text(text)
    study.folder.joinpath("toy.yaml").write_text(yaml.safe_dump(SETTINGS))
    toy = ("--configfile", "toy.yaml")
    study.snakemake(*toy)
    results = study.folder / "results" / "demo"
    run = results / "nasbench201" / "digits" / "shapley" / "seed0"
    searched = json.loads((run / "search" / "metrics.json").read_text())
    assert searched["epochs"] == SETTINGS["search"]["nasbench201"]["epochs"]
    cell = json.loads((run / "genotype" / "genotype.json").read_text())["cells"]["cell"]
    operations = [name for node in cell for name, _ in node]
    queried = json.loads((run / "query" / "metrics.json").read_text())
    assert re.findall(r"(\w+)~", queried["arch"]) == operations
    assert 10 < queried["digits_test"] <= queried["best_digits_test"]
    report = (results / "report" / "index.html").read_text()
    assert "Shapley-NAS" in report and f"{queried['digits_test']:.2f}" in report
    assert "Nothing to be done" in study.snakemake(*toy)
    study.snakemake(*toy, "--report", "snakemake.html")
    assert "Cell found by shapley" in (study.folder / "snakemake.html").read_text()


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
