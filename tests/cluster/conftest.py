"""A real SLURM, started by the repository's script; skipped where it cannot be had."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """One small node: two pretend cores and two pretend GPUs."""
    if shutil.which("slurmctld") is None and os.environ.get("CI_INSTALLS") != "1":
        pytest.skip("SLURM is not installed; `make test-cluster` installs it")
    if os.geteuid() != 0:
        pytest.skip("starting SLURM needs root")
    if Path("/etc/slurm/slurm.conf").exists() and running():
        pytest.skip("a SLURM of somebody else runs here")
    state = tmp_path_factory.mktemp("slurm")
    command = [SCRIPTS / "slurm-up", "--state", state, "--gpus", "2", "--cpus", "2"]
    started = subprocess.run(command, capture_output=True, text=True)
    if started.returncode != 0:
        pytest.skip(f"SLURM does not start here: {started.stderr.strip()[-300:]}")
    yield
    subprocess.run([SCRIPTS / "slurm-down", "--state", state], check=True)


def running():
    return subprocess.run(["scontrol", "ping"], capture_output=True).returncode == 0
