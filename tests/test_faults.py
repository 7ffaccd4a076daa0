"""Faults of the machine, injected for real: each a clear line, and the same command finishes."""

import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline import cli, errors, files, journal, locks
from pipeline.config import jobs, load
from pipeline.errors import InputError
from tests.conftest import fill

ROOT = Path(__file__).parents[1]
SETTINGS = {
    "search": {
        "nasbench201": {
            "epochs": 2,
            "warmup_epochs": 1,
            "limit_train": 128,
            "crop_padding": 1,
            "supernet": {"channels": 4, "cells": 1},
        }
    },
    "strategies": {"shapley": {"settings": {"permutations": 1, "value_images": 32}}},
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    out = tmp_path_factory.mktemp("digits")
    done = verb("prepare", "--dataset", "digits", "--out", str(out))
    assert done.returncode == 0, done.stderr
    return out / "manifest.json"


def verb(*arguments, **options):
    own = {key: value for key, value in os.environ.items() if not key.startswith("SHAPLEY_NAS")}
    fixed = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "SHAPLEY_NAS_TRACKING": "false"}
    environment = {**own, **fixed, **options}
    command = [sys.executable, "-m", "pipeline", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def search(manifest, results):
    """The search as a rule calls it, its state beside it below `results`."""
    job = jobs.search_job(load.resolve(SETTINGS), "nasbench201", "shapley")
    return verb(
        *("search", "--job", job.model_dump_json(), "--manifest", str(manifest)),
        *("--out", str(results / "search"), "--threads", "1"),
        SHAPLEY_NAS_RESULTS=str(results),
    )


def complaint(done):
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    return line


def whole_outputs(results):
    found = (path for path in (results / "search").glob("*") if path.is_file())
    return sorted(path.name for path in found)


def strength(results):
    with np.load(results / "search" / "strength.npz") as content:
        return {name: content[name].tobytes() for name in content.files}


def test_a_full_disk_and_a_read_only_one(prepared, small_disk, tmp_path):
    results = small_disk / "results"
    filler = small_disk / "filler"
    filler.write_bytes(bytes(3_000_000))
    full = complaint(search(prepared, results))
    assert "no space left" in full or "could not be written" in full
    assert whole_outputs(results) == []
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "Read-only" in complaint(search(prepared, results))
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    filler.unlink()
    again = search(prepared, results)
    assert again.returncode == 0, again.stderr
    undisturbed = search(prepared, tmp_path / "undisturbed")
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert strength(results) == strength(tmp_path / "undisturbed")


UNWRITABLE = {"HOME": "/proc/nowhere", "TMPDIR": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere"}
PLAIN = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("surroundings", [UNWRITABLE, PLAIN, {"UMASK": "077"}], ids=str)
def test_home_temporary_folder_locale_and_umask_do_not_matter(
    surroundings, prepared, tmp_path, monkeypatch
):
    before = os.umask(int(surroundings.get("UMASK", "022"), 8))
    try:
        for name, value in surroundings.items():
            monkeypatch.setenv(name, value)
        out = tmp_path / "résultats ±" / "digits"
        done = verb("prepare", "--dataset", "digits", "--out", str(out))
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    whole = json.loads(prepared.read_text())
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8")) == whole


def test_output_that_a_locale_cannot_say_is_spelled_out(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(cli, "cli", lambda **given: print("97.2 ± 0.1"))
    monkeypatch.setattr(cli, "exit_on_sigterm", lambda: None)
    cli.main()
    stream.flush()
    assert stream.buffer.getvalue() == b"97.2 \\xb1 0.1\n"


@pytest.mark.parametrize("name", ["TMPDIR", "TEMP", "TMP"])
def test_a_temporary_folder_that_takes_nothing_is_named(name, small_disk, monkeypatch):
    monkeypatch.setenv(name, str(small_disk))
    files.check_writable()
    fill(small_disk)
    with pytest.raises(InputError, match=rf"^{name}: {small_disk}: No space left on device; free"):
        files.check_writable()
    monkeypatch.setenv(name, "/proc/nowhere")
    with pytest.raises(InputError, match=rf"^{name}: /proc/nowhere: .*; free"):
        files.check_writable()


def test_a_working_folder_that_takes_nothing_is_named(small_disk, monkeypatch):
    monkeypatch.chdir(small_disk)
    files.check_writable()
    assert not any(small_disk.iterdir())
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(InputError, match=r"^working folder: .*: Read-only file system; free"):
        files.check_writable()


def test_a_disk_that_fills_while_a_checkpoint_is_written_keeps_the_one_before(small_disk):
    import torch

    from pipeline.training import checkpoint

    path = small_disk / "search.pt"
    checkpoint.save(path, {"epoch": 1, "weights": torch.zeros(100_000)}, {})
    with pytest.raises((OSError, RuntimeError)) as caught:
        checkpoint.save(path, {"epoch": 2, "weights": torch.zeros(1_000_000)}, {})
    assert errors.explain(caught.value)
    assert checkpoint.load(path, {})["epoch"] == 1
    assert [file.name for file in small_disk.iterdir()] == ["search.pt"]


def test_memory_that_torch_or_python_lack_is_one_line():
    import torch

    with pytest.raises((RuntimeError, MemoryError)) as caught:
        torch.empty(2**62, dtype=torch.uint8)
    line = errors.explain(caught.value)
    assert line is not None and "mem_mb" in line and "\n" not in line
    assert errors.explain(RuntimeError("shapes do not match")) is None
    assert errors.explain(FileNotFoundError(2, "No such file", "x")) is None


SLEEPER = "import time; time.sleep(60)"
HOLDER = """
import sys, time
from pathlib import Path
from pipeline import locks
with locks.stage(Path(sys.argv[1])):
    print("holds", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def sleeper():
    with subprocess.Popen([sys.executable, "-c", SLEEPER]) as process:
        yield process
        process.kill()


@pytest.fixture
def holder(tmp_path, sleeper):
    """A stage at work for the workflow `sleeper`."""
    own = {"SHAPLEY_NAS_CONTROLLER": str(sleeper.pid), "PYTHONPATH": str(ROOT)}
    environment = {key: value for key, value in os.environ.items() if key != "SLURM_JOB_ID"}
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(
        command, env={**environment, **own}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "holds\n"
        yield process
        process.kill()


def test_two_workflows_in_one_results_folder(tmp_path, sleeper):
    locks.take_workflow(tmp_path, sleeper.pid)
    locks.take_workflow(tmp_path, sleeper.pid)
    with pytest.raises(InputError, match=f"process {sleeper.pid}"):
        locks.take_workflow(tmp_path, os.getpid())
    assert not locks.owns_workflow(tmp_path, os.getpid())
    sleeper.kill()
    sleeper.wait()
    locks.take_workflow(tmp_path, os.getpid())  # nothing has to be removed by hand
    assert locks.owns_workflow(tmp_path, os.getpid())


def test_a_process_number_that_was_given_again_is_another_process(tmp_path, sleeper):
    locks.take_workflow(tmp_path, sleeper.pid)
    lock = tmp_path / locks.WORKFLOW
    lock.write_text(json.dumps({**json.loads(lock.read_text()), "started": 1}))
    locks.take_workflow(tmp_path, os.getpid())


def test_a_workflow_on_another_host_is_taken_for_alive(tmp_path):
    lock = tmp_path / locks.WORKFLOW
    lock.write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 1}))
    with pytest.raises(InputError, match="elsewhere"):
        locks.take_workflow(tmp_path, os.getpid())


def test_a_stage_whose_workflow_lives_is_left_at_work(tmp_path, holder):
    with pytest.raises(InputError, match=f"process {holder.pid}"), locks.stage(tmp_path):
        pass
    assert holder.poll() is None


def test_a_stage_left_over_by_a_killed_workflow_is_ended_first(tmp_path, holder, sleeper):
    sleeper.kill()
    sleeper.wait()
    began = time.monotonic()
    with locks.stage(tmp_path):
        assert holder.wait(10) != 0
    assert time.monotonic() - began < locks.GRACE
    assert not (tmp_path / locks.STAGE).exists()


def test_a_killed_stage_leaves_no_lock(tmp_path, holder):
    holder.kill()
    holder.wait()
    with locks.stage(tmp_path):
        pass


def test_the_disks_folder_is_as_it_was(tmp_path):
    """A stage that has succeeded leaves only its journal in its state folder."""
    with locks.stage(tmp_path):
        assert (tmp_path / locks.STAGE).exists()
    assert list(tmp_path.iterdir()) == []
    shutil.rmtree(tmp_path)


def test_a_journal_that_lost_its_start_is_begun_anew(tmp_path):
    """As when the state folder is deleted while a stage is at work, which then says its end."""
    path = tmp_path / journal.NAME
    path.write_text('{"event": "end", "time": 1, "status": "FAILED"}\n')
    assert journal.read(path).events == []
    begun = journal.begin(path, "search", "a run", "experiment", None, {"seed": "0"}, {})
    assert [event["event"] for event in journal.read(path).events] == ["start"]
    assert begun.status == "RUNNING"
