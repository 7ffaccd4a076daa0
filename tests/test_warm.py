"""Stages as forks of the warm process: the same results, the same ends, whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pipeline import journal, warm
from pipeline.config import jobs
from pipeline.config.recipes import SupernetSettings
from pipeline.networks import load_model

ROOT = Path(__file__).parents[1]
ADDRESS = "warm.socket"
SEARCH = "results/demo/nasbench201/digits/darts/seed0/search"
STATE = "results/demo/state/nasbench201/digits/darts/seed0/search"
GENOTYPE = jobs.GenotypeJob(
    space="darts",
    genotype="shapley_nas_cifar10",
    supernet=SupernetSettings(),
    layout="cifar10",
    channels=4,
    cells=3,
    auxiliary=False,
).model_dump_json()


def environment(**others: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith("SHAPLEY_NAS")}
    fixed = {"SHAPLEY_NAS_TRACKING": "false", "SHAPLEY_NAS_RESULTS": "results/demo"}
    return {**own, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **fixed, **others}


def pipeline(folder: Path, *arguments: str, address: str = ADDRESS) -> subprocess.Popen:
    """A verb as the workflow calls it; without an address it starts cold."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=folder,
        env=environment(**{warm.ADDRESS: address}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def start_warm(folder: Path) -> subprocess.Popen:
    """A warm process of this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in environment().items():
            patch.setenv(name, value)
        return warm.start(ADDRESS, Path("warm.log"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working tree with digits prepared."""
    made = tmp_path_factory.mktemp("warm")
    (made / "config").symlink_to(ROOT / "config")
    process = pipeline(made, "prepare", "--preset", "demo", "--dataset", "digits", address="")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return made


@pytest.fixture(scope="module")
def server(folder):
    started = start_warm(folder)
    yield started
    started.kill()
    started.wait()


def genotype(folder: Path, out: str, address: str) -> tuple[int, str]:
    """Exit code and stderr of a short stage."""
    manifest = "results/demo/data/digits/manifest.json"
    options = ("--job", GENOTYPE, "--manifest", manifest, "--out", out)
    process = pipeline(folder, "genotype", *options, address=address)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def start_search(folder: Path) -> tuple[subprocess.Popen, int]:
    """A search too long to end by itself, and the process that is at it."""
    for path in (folder / STATE).glob("*"):
        path.unlink()
    options = ("--preset", "demo", "--space", "nasbench201", "--dataset", "digits")
    # So long a search would be compiled first.
    settings = ("search.nasbench201.epochs=5000", "search.nasbench201.supernet.compile=false")
    long = (*(part for value in settings for part in ("--set", value)), "--threads", "1")
    client = pipeline(folder, "search", *options, "--strategy", "darts", *long)
    wait_until((folder / STATE / "search.pt").exists)
    owner = json.loads((folder / STATE / "stage.lock").read_text())["stage"]["pid"]
    assert owner != client.pid
    return client, owner


def is_gone(pid: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return True
    return fields[0] == "Z"


def status_of(folder: Path) -> str:
    return journal.read(folder / STATE / journal.NAME).status


def test_a_stage_leaves_the_same_whether_warm_or_cold(server, folder):
    outs = {"": "results/demo/cold/genotype", ADDRESS: "results/demo/warm/genotype"}
    for address, out in outs.items():
        assert genotype(folder, out, address)[0] == 0
    cold, hot = (folder / out for out in outs.values())
    assert sorted(path.name for path in cold.iterdir()) == sorted(p.name for p in hot.iterdir())
    for name in ("genotype.json", "metrics.json", "cell.svg", "cell.png"):
        assert (cold / name).read_bytes() == (hot / name).read_bytes(), name
    weights, same = (load_model(out / "model.pt")[0].state_dict() for out in (cold, hot))
    assert weights.keys() == same.keys()
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    records = [json.loads((out / "provenance.json").read_text()) for out in (cold, hot)]
    for record in records:
        for key in ("seconds", "started", "finished"):
            record.pop(key)
    assert records[0] == records[1]


def test_what_a_user_can_mend_is_one_line_and_code_2(server, folder):
    options = ("--job", GENOTYPE, "--manifest", "nowhere/manifest.json", "--out", "results/demo/x")
    process = pipeline(folder, "genotype", *options)
    said, complaint = process.communicate(timeout=120)
    assert (process.returncode, said) == (2, "")
    assert complaint.startswith("error: nowhere/manifest.json: no such file")
    assert complaint.count("\n") == 1


def test_sigterm_reaches_the_stage(server, folder):
    client, owner = start_search(folder)
    client.terminate()
    client.communicate(timeout=60)
    assert client.returncode == 143
    assert is_gone(owner)
    assert status_of(folder) == "FAILED"


def test_a_killed_client_takes_its_stage_along(server, folder):
    client, owner = start_search(folder)
    client.kill()
    client.communicate(timeout=60)
    wait_until(lambda: is_gone(owner), 30)
    assert status_of(folder) == "RUNNING"  # killed: nobody could write its end


def test_without_the_warm_process_a_stage_fails_and_the_next_starts_cold(server, folder):
    client, owner = start_search(folder)
    server.kill()
    client.communicate(timeout=60)
    assert client.returncode == 128 + signal.SIGKILL
    wait_until(lambda: is_gone(owner), 30)
    assert genotype(folder, "results/demo/after/genotype", ADDRESS)[0] == 0


def test_it_ends_with_its_workflow(folder):
    """The workflow is a process that starts it and ends."""
    code = (
        f"from pathlib import Path; from pipeline import warm; warm.start({ADDRESS!r}, Path('log'))"
    )
    address = folder / ADDRESS
    address.unlink(missing_ok=True)
    subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), check=True, capture_output=True
    )
    assert address.exists()
    wait_until(lambda: not address.exists())
    assert (folder / "log").read_text() == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("OMP_NUM_THREADS", "2"), ("SLURM_JOB_ID", "7"), (warm.ADDRESS, ""), (warm.ADDRESS, "none")],
)
def test_where_a_stage_starts_cold(name, value, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv(warm.ADDRESS, "none")
    monkeypatch.setenv(name, value)
    assert warm.hand_over(["search"]) is None
