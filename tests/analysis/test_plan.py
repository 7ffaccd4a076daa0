"""The plan against Snakemake's own, and the estimates against counts by hand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline import registry
from pipeline.analysis import plan, work
from pipeline.config import load
from pipeline.config.model import SEARCH_RECIPES
from pipeline.config.recipes import SearchSettings
from pipeline.paths import Place

ROOT = Path(__file__).parents[2]


def configured(preset):
    config = load.resolve({"preset": preset, "device": "cpu"}, ROOT / "config")
    found = load.experiments(config, ROOT / "config")
    return load.with_labels(config, found), found


@pytest.mark.parametrize("preset", ["demo", "laptop", "paper"])
def test_the_plan_has_the_jobs_that_snakemake_plans(preset, monkeypatch, tmp_path):
    monkeypatch.setenv("SHAPLEY_NAS_DATA", str(tmp_path))
    config, found = configured(preset)
    lines = plan.plan(config, found, "paper", tmp_path, table=False)
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
    assert {line.rule: line.n_jobs for line in lines} == {
        name: n for name, n in planned.items() if name not in ("paper", "total")
    }
    assert len(asked) == planned["total"] - planned["paper"]


def test_what_is_done_is_counted(tmp_path):
    config, found = configured("demo")
    folder = tmp_path / "darts/digits/shapley/seed0/search"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text("{}")
    lines = {line.rule: line for line in plan.plan(config, found, "figure4", tmp_path, False)}
    assert (lines["search_architecture"].n_jobs, lines["search_architecture"].n_done) == (2, 1)


def test_a_training_by_hand():
    """The recipe of the paper: 558,218,880 multiply-adds, 50,000 images, 600 epochs, 3 passes."""
    config, _ = configured("paper")
    place = Place("retrain", "darts", "cifar10", "shapley", target="cifar10", rseed=0)
    found = work.of_stage(config, place)
    assert found.operations == pytest.approx(6 * 558_218_880 * 50_000 * 600)
    assert found.size == pytest.approx(4 * 3_603_358)


def test_a_cpu_has_device_days_and_no_gpu_days(monkeypatch):
    config, found = configured("demo")
    monkeypatch.chdir(ROOT)
    text = plan.announce(config, found, "paper")
    assert "device days" in text
    assert "GPU" not in text


@pytest.mark.parametrize("space", ["darts", "nasbench201", "s1", "s2"])
def test_supernets_within_a_factor_of_two(space):
    """Against torch's own count of a forward pass."""
    shape = SEARCH_RECIPES.get(space, SearchSettings)().supernet
    one = registry.get("spaces", space)(shape)
    supernet = one.supernet(shape.model_copy(update={"fused": False}), 10, 0).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        supernet(torch.zeros(1, 3, 32, 32), torch.full((one.n_players,), 0.5))
    macs = counter.get_total_flops() / 2
    assert macs / 2 < work.supernet_macs(space, shape, 32) < macs * 2
