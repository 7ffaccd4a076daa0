"""The workflow in another one: as a module, and as snakedeploy puts it into a folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import journal, paths
from tests.workflow.conftest import clean_environment

ROOT = Path(__file__).parents[2]
MODULE = """
module shapley_nas:
    snakefile: "{snakefile}"
    config: {config}

use rule * from shapley_nas
"""
# What `snakedeploy deploy-workflow` 0.17 writes as workflow/Snakefile. It fetches from a server, so
# its work is done by hand here: it copies config/ and profiles/, and names the module's snakefile.
DEPLOYED = """
from snakemake.utils import min_version

min_version("6.10.0")

configfile: "config/config.yaml"

module shapley_nas:
    snakefile: "{snakefile}"
    config: config

use rule * from shapley_nas
"""


def snakemake(folder: Path, *arguments: str) -> str:
    """Output of Snakemake in a folder that is no checkout; the package is found by the rules."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


def import_module(folder: Path, config: dict) -> None:
    """Write a workflow that uses this one."""
    text = MODULE.format(snakefile=ROOT / "Snakefile", config=config)
    (folder / "Snakefile").write_text(text, encoding="utf-8")


@pytest.mark.workflow
def test_a_module_runs_and_is_recorded(tmp_path):
    import_module(tmp_path, {"preset": "demo"})
    manifest = f"{paths.results('demo')}/data/digits/manifest.json"
    output = snakemake(tmp_path, manifest)
    assert "prepare/digits" in output, "a line per job"
    assert (tmp_path / manifest).exists()
    parent = journal.read(tmp_path / paths.results("demo") / "state" / journal.NAME)
    assert parent.status == "FINISHED"
    assert (tmp_path / "mlflow.db").exists()


def test_presets_and_experiments_come_with_a_module_and_ones_own_win(tmp_path):
    import_module(tmp_path, {"preset": "small", "experiments": ["mine", "demo"]})
    presets, experiments = tmp_path / "config" / "presets", tmp_path / "config" / "experiments"
    presets.mkdir(parents=True)
    experiments.mkdir()
    (presets / "small.yaml").write_text("seeds: [7]\n", encoding="utf-8")
    row = "{label: R, strategy: random, space: nasbench201, datasets: [digits], query: true}"
    (experiments / "mine.yaml").write_text(f"title: Mine\nrows: [{row}]\n", encoding="utf-8")
    (experiments / "demo.yaml").write_text(f"title: Own\nrows: [{row}]\n", encoding="utf-8")
    output = snakemake(tmp_path, "-n")
    assert "results/small/nasbench201/digits/random/seed7/query/metrics.json" in output
    assert "search_architecture" not in output, "the demo that comes with the workflow is not run"
    shutil.rmtree(tmp_path / "config")


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_what_snakedeploy_makes(tmp_path, snakefile):
    for folder in ("config", "profiles"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "workflow").mkdir()
    text = DEPLOYED.format(snakefile=ROOT / snakefile)
    (tmp_path / "workflow" / "Snakefile").write_text(text, encoding="utf-8")
    output = snakemake(tmp_path, "-n")
    assert "write_report" in output
    assert "results/demo/report/index.html" in output
