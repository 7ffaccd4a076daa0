"""A search killed outright goes on from its checkpoint and ends with the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import numpy as np
import pytest

pytestmark = pytest.mark.workflow

BASE = "nasbench201/digits/shapley/seed0"
STRENGTH = f"results/demo/{BASE}/search/strength.npz"
GENOTYPE = f"results/demo/{BASE}/genotype/genotype.json"
SETTINGS = {
    "experiments": ["toy"],
    "search": {
        "nasbench201": {"epochs": 8, "warmup_epochs": 1, "supernet": {"channels": 4}},
    },
    "strategies": {"shapley": {"settings": {"permutations": 1, "value_images": 64}}},
}


def kill_search(checkout, snakemake: subprocess.Popen) -> None:
    """Wait for the search's second checkpoint, then `kill -9` the process that searches."""
    state = checkout.path("state") / BASE / "search" / "search.pt"
    deadline, seen = time.monotonic() + 300, set()
    while len(seen) < 2:
        assert snakemake.poll() is None and time.monotonic() < deadline, "no checkpoint to kill at"
        if state.exists():
            seen.add(state.stat().st_mtime_ns)
        time.sleep(0.02)
    # The job's own children: nothing that these tests did not start.
    for pid in descendants(snakemake.pid):
        if "pipeline" in command_of(pid) and "search" in command_of(pid):
            os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True)
    parents = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found = [child for child, parent in parents if parent == pid]
    return found + [other for child in found for other in descendants(child)]


def command_of(pid: int) -> str:
    listed = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True)
    return listed.stdout


def test_a_killed_search_goes_on_and_ends_with_the_same_bits(copy_checkout):
    undisturbed, killed = copy_checkout(), copy_checkout()
    for checkout in (undisturbed, killed):
        checkout.set(SETTINGS)
    snakemake = killed.start(GENOTYPE)
    kill_search(killed, snakemake)
    output, _ = snakemake.communicate(timeout=300)
    assert snakemake.returncode != 0, output
    assert not (killed.folder / STRENGTH).exists()

    for checkout in (killed, undisturbed):
        code, output = checkout.snakemake(GENOTYPE)
        assert code == 0, output
    log = killed.path("logs/search/nasbench201/digits/shapley/seed0.log").read_text()
    assert "resumed from epoch" in log
    one, other = (np.load(checkout.folder / STRENGTH) for checkout in (undisturbed, killed))
    assert sorted(one.files) == sorted(other.files)
    for name in one.files:
        assert one[name].tobytes() == other[name].tobytes(), name
    assert len(one["alpha_history"]) == 8
    assert (undisturbed.folder / GENOTYPE).read_text() == (killed.folder / GENOTYPE).read_text()
    # One run of the search in the record, gone on with, and none that hangs open.
    searches = [run for run in killed.store() if run["stage"] == "search"]
    assert [run["status"] for run in searches] == ["FINISHED"]
    assert {run["status"] for run in killed.store()} <= {"FINISHED", "FAILED"}
