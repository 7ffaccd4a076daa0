"""The workflow's plan: dry runs of all presets, light and strict."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def snakemake(*arguments, **environment):
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("preset", ["demo", "laptop", "paper"])
def test_a_dry_run_imports_neither_torch_nor_mlflow(preset, tmp_path):
    for module in ("torch", "mlflow"):
        (tmp_path / f"{module}.py").write_text("raise ImportError('not in a dry run')\n")
    done = snakemake("-n", "--forceall", "--config", f"preset={preset}", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "search_architecture" in done.stdout + done.stderr


def test_a_misspelt_key_is_one_line_and_no_job():
    done = snakemake("-n", "--config", "sed=1")
    assert done.returncode == 2
    complaint = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(complaint) == 1
    assert "'seeds'" in complaint[0]
    assert "Traceback" not in done.stderr


def test_every_study_is_a_target(tmp_path):
    """Supernets, walks, estimates, trainings and the summary of each; no torch is imported."""
    (tmp_path / "torch.py").write_text("raise ImportError('not in a dry run')\n")
    studies = sorted(path.stem for path in (ROOT / "config" / "studies").glob("*.yaml"))
    done = snakemake("-n", "--forceall", *studies, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    planned = done.stdout + done.stderr
    for rule in ("train_supernet", "walk_supernet", "estimate_values", "train_form"):
        assert rule in planned
    for rule in ("prepare_folder", "train_on_folder"):
        assert rule in planned
    assert all(f"studies/{study}/summary/metrics.json" in planned for study in studies)
