"""A search, or Snakemake over it, killed outright: it goes on and ends with the same bits."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

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


def wait_for_checkpoints(checkout, snakemake: subprocess.Popen) -> list[int]:
    """Wait for the search's second new checkpoint; the processes that search, of these tests only.

    They are the job's own children, one of which holds the search's lock.
    """
    state = checkout.path("state") / BASE / "search" / "search.pt"
    deadline, seen = time.monotonic() + 300, set()
    while len(seen) < 2:
        assert snakemake.poll() is None and time.monotonic() < deadline, "no checkpoint to kill at"
        if state.exists():
            seen.add(state.stat().st_mtime_ns)
        time.sleep(0.02)
    own = {pid: command_of(pid) for pid in descendants(snakemake.pid)}
    jobs = {pid for pid, line in own.items() if "pipeline" in line and "search" in line}
    owner = json.loads(state.with_name("stage.lock").read_text())["stage"]["pid"]
    return [*{*jobs, owner}]


def wait_for_sigterm(pids: list[int], snakemake: subprocess.Popen) -> None:
    """Let stopped processes go on once one of them has been told to end."""
    deadline = time.monotonic() + 120
    while not any(terminated(pid) for pid in pids):
        assert snakemake.poll() is None and time.monotonic() < deadline, "was not told to end"
        time.sleep(0.05)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def terminated(pid: int) -> bool:
    """Whether SIGTERM waits for a process (`ShdPnd`, signal n is bit n - 1)."""
    status = Path(f"/proc/{pid}/status").read_text()
    pending = int(status.split("ShdPnd:")[1].split()[0], 16)
    return bool(pending >> (signal.SIGTERM - 1) & 1)


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
    for pid in wait_for_checkpoints(killed, snakemake):
        with contextlib.suppress(ProcessLookupError):  # the stage goes with its job
            os.kill(pid, signal.SIGKILL)
    output, _ = snakemake.communicate(timeout=300)
    assert snakemake.returncode != 0, output
    assert not (killed.folder / STRENGTH).exists()
    # Once more, and now Snakemake itself: its stage outlives it, and the same command ends it.
    snakemake = killed.start(GENOTYPE)
    left = wait_for_checkpoints(killed, snakemake)
    for pid in left:  # it must not end by itself before it is ended
        os.kill(pid, signal.SIGSTOP)
    snakemake.send_signal(signal.SIGKILL)
    snakemake.wait()
    snakemake = killed.start(GENOTYPE)
    wait_for_sigterm(left, snakemake)
    output, _ = snakemake.communicate(timeout=300)
    assert snakemake.returncode == 0, output
    assert left and not any(Path(f"/proc/{pid}").exists() for pid in left)

    code, output = undisturbed.snakemake(GENOTYPE)
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
