"""Where jobs run: ranks of one training, one GPU a job, data on a node's own disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import launch, machine, slurm, staging
from pipeline.config.cluster import ClusterSettings
from pipeline.config.load import resolve
from pipeline.errors import InputError

ROOT = Path(__file__).parents[1]
VERB = ["retrain", "--seed", "0"]


def test_ranks_on_one_machine_run_the_same_verb():
    """By the real torchrun: each rank says the same list."""
    line = launch.command(["list", "spaces"], 2, 1, {})
    done = subprocess.run(
        line,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split().count("nasbench201") == 2


def test_machines_meet_at_the_jobs_first_host(monkeypatch):
    environment = {"SLURM_JOB_ID": "41234", "SLURM_JOB_NODELIST": "gpu[03-05,9],cpu1"}
    monkeypatch.setenv("PATH", "/nowhere")  # no scontrol
    line = launch.command(VERB, 4, 2, environment)
    assert line[0] == "srun" and {"--nodes=2", "--ntasks=2", "--overlap"} <= {*line}
    assert {"--nnodes=2", "--nproc-per-node=4", "--rdzv-id=41234"} <= {*line}
    assert "--rdzv-endpoint=gpu03:21234" in line
    assert line[-5:] == ["-m", "pipeline", *VERB]


@pytest.mark.parametrize(
    ("nodelist", "first"), [("node7", "node7"), ("a1,b2", "a1"), ("rack-2n[001,017]", "rack-2n001")]
)
def test_the_first_host_of_a_list(nodelist, first, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert launch.first_host(nodelist) == first


def test_several_machines_need_slurm():
    with pytest.raises(InputError, match="SLURM"):
        launch.command(VERB, 1, 2, {})


def test_a_rank_or_a_single_process_starts_no_more(monkeypatch):
    monkeypatch.setattr(os, "execvp", lambda *_: pytest.fail("started torchrun"))
    launch.spread("cpu", 1, 1)
    monkeypatch.setenv("LOCAL_RANK", "0")
    launch.spread("cpu", 2, 1)


TAKER = """
import os, sys
from pipeline import machine
machine.take_gpus(int(sys.argv[1]))
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def take(tmp_path):
    """Start a job that takes some of three devices; what it got."""
    jobs = []

    def start(n):
        own = {"CUDA_VISIBLE_DEVICES": "0,1,2", "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
        clean = {key: value for key, value in os.environ.items() if "SLURM" not in key}
        job = subprocess.Popen(
            [sys.executable, "-c", TAKER, str(n)],
            env={**clean, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        jobs.append(job)
        return job, job.stdout.readline().strip()

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def test_jobs_on_one_machine_get_different_devices(take):
    first, a = take(1)
    _, b = take(2)
    assert sorted([a, *b.split(",")]) == ["0", "1", "2"]
    first.kill()
    first.wait()
    assert take(1)[1] == a, "a job that was killed holds nothing"


def test_in_a_slurm_job_the_devices_are_chosen_already(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    machine.take_gpus(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,3"


@pytest.fixture
def images(tmp_path):
    for name in ("train/cat/1.jpg", "train/dog/2.jpg", "val/cat/3.jpg"):
        file = tmp_path / "shared" / "pets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    return {"name": "pets", "kind": "folder", "path": "pets", "fingerprint": "0123456789abcdef9"}


def test_images_are_copied_once(images, tmp_path):
    local = tmp_path / "local"
    (local / ".pets-0123456789abcdef.left").mkdir(parents=True)  # by a job that was killed
    manifest, root = staging.stage_in(images, tmp_path / "shared", local)
    assert root == local and images["path"] == "pets"
    copy = root / manifest["path"]
    assert (copy / "train/dog/2.jpg").read_bytes() == b"train/dog/2.jpg"
    (copy / "mark").touch()
    assert staging.stage_in(images, tmp_path / "shared", local) == (manifest, root)
    assert (copy / "mark").exists(), "copied again"
    assert not list(local.glob(".pets*"))


def test_images_that_do_not_fit_are_read_where_they_lie(images, tmp_path, warned):
    blocked = tmp_path / "file"
    blocked.touch()
    assert staging.stage_in(images, tmp_path / "shared", blocked) == (images, tmp_path / "shared")
    assert any("read where they lie" in line for line in warned())
    small = {**images, "kind": "small"}
    assert staging.stage_in(small, tmp_path / "shared", tmp_path / "l")[0] == small


@pytest.mark.parametrize("kind", ["link", "another user", "a file", "no folder to write in"])
def test_a_folder_of_somebody_else_is_left_alone(kind, images, tmp_path, monkeypatch, warned):
    """Both in the temporary folder, where devices are taken, and on a node's disk."""
    theirs, ours = tmp_path / "theirs", tmp_path / f"shapley-nas-gpus-{os.getuid()}"
    theirs.mkdir()
    if kind == "link":
        ours.symlink_to(theirs)
    elif kind == "another user":
        if os.geteuid() != 0:
            pytest.skip("no right to mount or to give a folder away")
        ours.mkdir()
        os.chown(ours, 65534, 65534)
    else:
        ours.touch()
    place = "/proc/nowhere" if kind.startswith("no ") else str(tmp_path)
    monkeypatch.setattr("tempfile.gettempdir", lambda: place)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert machine.take_gpus(1) == ["0"] and "share their devices" in warned()[0]
    if not kind.startswith("no "):
        assert staging.stage_in(images, tmp_path / "shared", ours)[1] == tmp_path / "shared"
    assert not any(theirs.iterdir())


def test_the_local_disk_is_named_by_the_node(monkeypatch):
    monkeypatch.setenv("SCRATCH_OF_JOB", "/scratch/7")
    assert staging.folder("$SCRATCH_OF_JOB").parent == Path("/scratch/7")
    for name in ("$NOT_SET_HERE/x", "relative"):
        with pytest.raises(InputError, match="local_disk"):
            staging.folder(name)


def test_nothing_a_shell_reads_reaches_sbatch():
    for key in ("partition", "gpu_partition", "account", "qos", "gpu_type", "mail"):
        for hostile in ("a; touch x", "$(id)", "a b", "`id`", "x' --wrap='id"):
            with pytest.raises(InputError, match=f"cluster.{key}"):
                resolve({"cluster": {key: hostile}}, ROOT / "config")
    assert ClusterSettings(mail="me@example.org", gpu_type="a100").account == ""


def test_every_line_of_the_user_file_is_a_setting():
    """config/cluster.yaml with its lines uncommented is a valid configuration."""
    text = (ROOT / "config" / "cluster.yaml").read_text()
    assert yaml.safe_load(text) == {"cluster": {}}
    lines = text.replace("cluster: {}", "cluster:").splitlines()
    keys = [line[1:] for line in lines if line.startswith("#  ") and line[3] != " "]
    rest = [line[2:] for line in lines if line.startswith(("# device", "# resources", "#   tr"))]
    given = yaml.safe_load("\n".join(["cluster:", *keys, *rest]))
    assert {*given["cluster"]} == {*ClusterSettings.model_fields}
    config = resolve(given, ROOT / "config")
    assert config.resources.transfer.gpus == 8 and config.device == "cuda"


def test_jobs_of_other_folders_and_names_are_no_orphans(tmp_path, monkeypatch):
    run = "2629b765-d7ab-4df5-a244-d44e79453d64"
    (tmp_path / "bin").mkdir()
    squeue = tmp_path / "bin" / "squeue"
    rows = [f"1|{run}|{tmp_path}", f"2|{run}|/elsewhere", f"3|my job|{tmp_path}"]
    squeue.write_text("#!/bin/sh\ncat <<E\n" + "\n".join(rows) + "\nE\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{squeue.parent}:{os.environ['PATH']}")
    assert slurm.orphans(tmp_path) == ["1"]
    squeue.write_text("#!/bin/sh\necho 'slurm_load_jobs error' >&2; exit 1\n")
    (tmp_path / slurm.LOGS).mkdir(parents=True)
    assert slurm.cancel_orphans(tmp_path) == []


def test_a_workflow_that_never_used_slurm_does_not_ask_it(tmp_path, monkeypatch):
    monkeypatch.setattr(slurm.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(slurm, "orphans", lambda folder: pytest.fail("SLURM was asked"))
    assert slurm.cancel_orphans(tmp_path) == []


def test_profiles_keep_out_of_each_others_way():
    """What one profile sets must not undo the other's; see docs/cluster.md."""
    local, remote = (
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
        for name in ("default", "slurm")
    )
    assert "default-resources" not in local and "retries" not in local
    assert all(remote[key] == local[key] for key in local), json.dumps(remote)
    for rules in (ROOT / "rules").glob("*.smk"):
        assert "retries:" not in rules.read_text()


def test_cpus_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: {0, 3, 5})
    assert machine.n_cpus() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert machine.n_cpus() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert machine.n_cpus() == 3


def test_a_search_of_two_processes_writes_once(tmp_path):
    (tmp_path / "config").symlink_to(ROOT / "config")
    names = ["--space", "nasbench201", "--dataset", "digits", "--strategy"]
    recipe = (
        "search.nasbench201={epochs: 2, warmup_epochs: 1, micro_batch_size: 32, limit_train: 64}"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment |= {"SHAPLEY_NAS_TRACKING": "false"}

    def run(*arguments):
        line = [sys.executable, "-m", "pipeline", *arguments]
        return subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert run("prepare", "--dataset", "digits").returncode == 0
    found = run("search", *names, "shapley", "--set", recipe, "--processes", "2")
    assert found.returncode == 0, found.stderr
    (history,) = tmp_path.glob("results/demo/by_hand/**/shapley/seed0/search/history.csv")
    assert len(history.read_text().splitlines()) == 1 + 2
    (log,) = tmp_path.glob("results/demo/**/state/**/shapley/seed0/search/log.txt")
    assert log.read_text().count("epoch 2/2") == 1
    refused = run("search", *names, "random", "--processes", "2")
    assert refused.returncode == 2
    assert refused.stderr.strip().endswith("it trains no supernet")
