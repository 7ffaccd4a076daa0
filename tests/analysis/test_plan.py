"""The plan against Snakemake's own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipeline.analysis import plan
from pipeline.config import load

ROOT = Path(__file__).parents[2]
RULES = {
    "search_architecture": "search",
    "search_without_training": "search",
    "export_genotype": "genotype",
    "try_genotype": "trial",
    "query_table": "query",
    "query_reference": "query",
    "search_table": "queries",
    "remove_operations": "removal",
    "rank_architectures": "ranking",
    "retrain_network": "retrain",
    "transfer_network": "retrain",
}
# Jobs that convert, draw and write pages are no runs.
WITHOUT_RUNS = {"prepare_data", "draw_figure", "judge_claims", "write_report", "paper", "total"}


def configured(preset):
    config = load.resolve({"preset": preset, "device": "cpu"}, ROOT / "config")
    found = load.experiments(config, ROOT / "config")
    return load.with_labels(config, found), found


@pytest.mark.parametrize("preset", ["demo", "laptop", "paper"])
def test_the_plan_has_the_runs_that_snakemake_plans(preset, monkeypatch, tmp_path):
    monkeypatch.setenv("SHAPLEY_NAS_DATA", str(tmp_path))
    config, found = configured(preset)
    lines = plan.plan(config, found, "paper", tmp_path)
    command = [sys.executable, "-m", "snakemake", "-n", "--forceall", "paper"]
    done = subprocess.run(
        [*command, "--config", f"preset={preset}", "device=cpu"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # Every job is listed with what it asks for.
    asked = re.findall(r"^    resources: .*", done.stdout, re.MULTILINE)
    asked = [
        line for line in asked if all(f"{key}=" in line for key in ("mem_mb", "runtime", "gpu"))
    ]
    planned = {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE)}
    runs = Counter()
    for rule, n in planned.items():
        if rule not in WITHOUT_RUNS:
            runs[RULES[rule]] += n
    assert {line.stage: line.n_runs for line in lines} == runs
    assert len(asked) == planned["total"] - planned["paper"]


def test_what_is_done_is_counted(tmp_path):
    config, found = configured("demo")
    folder = tmp_path / "darts/digits/shapley/seed0/search"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text("{}")
    lines = {line.stage: line for line in plan.plan(config, found, "figure4", tmp_path)}
    assert (lines["search"].n_runs, lines["search"].n_done) == (2, 1)


def test_the_device_of_the_hours(monkeypatch):
    config, found = configured("demo")
    monkeypatch.chdir(ROOT)
    text = plan.announce(config, found, "paper")
    assert "Hours of one CPU core" in text
    assert "GPU" not in text
    text = plan.announce(config.model_copy(update={"device": "cuda"}), found, "paper")
    assert "Hours of one V100" in text
    monkeypatch.setattr(plan.machine, "DRIVER", ROOT / "nothing")
    text = plan.announce(config.model_copy(update={"device": "auto"}), found, "paper")
    assert text.endswith("For hours of a GPU add --set device=cuda")


def test_a_gpu_that_was_measured_counts_in_its_own_hours(monkeypatch, tmp_path):
    (tmp_path / "0000:01:00.0").mkdir()
    (tmp_path / "0000:01:00.0/information").write_text("Model: \t\t NVIDIA A100\nIRQ: \t 1\n")
    monkeypatch.setattr(plan.machine, "DRIVER", tmp_path)
    config, _ = configured("demo")
    cuda = config.model_copy(update={"device": "auto"})
    assert plan.device_of(cuda) == "V100"
    rates = {("NVIDIA A100", "darts"): 1e12}
    monkeypatch.setattr(plan.cost, "rates", lambda: rates)
    assert plan.device_of(cuda) == "NVIDIA A100"
