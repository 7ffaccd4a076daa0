"""Jobs through a real SLURM: retried with more, resumed, grouped; orphans cancelled first."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline import journal
from tests.cluster.conftest import SCRIPTS
from tests.workflow.conftest import ROOT, SETTINGS, copy_checkout

__all__ = ["copy_checkout"]  # a fixture
pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install '.[cluster]'")
pytestmark = pytest.mark.cluster

# Three jobs that meet a fault, one that an orphan will be made of, and six look-ups of seconds.
RULES = """
rule toys:
    input:
        expand(RESULTS + "/toy/{name}/metrics.json", name=["cancelled", "slow", "greedy"]),
        expand(RESULTS + "/lookup/{n}.txt", n=range(6)),


def asked(name):
    wanted = resources_of("genotype")
    return {**wanted, **{"cancelled": {"gpu": 1}, "greedy": {"runtime": 5}}.get(name, {})}


for name, steps, megabytes in [
    ("cancelled", 20, 0), ("slow", 100, 0), ("greedy", 15, 500), ("orphan", 20, 0)
]:

    rule:
        name: name
        output: RESULTS + "/toy/" + name + "/metrics.json"
        params: out=RESULTS + "/toy/" + name, steps=steps, megabytes=megabytes
        resources: **asked(name)
        shell: "python toy_stage.py {params.out} {params.steps} {params.megabytes}"


rule lookup:
    output: RESULTS + "/lookup/{n}.txt"
    group: "lookup"
    resources: **resources_of("query"), lookups=1
    shell: "echo $SLURM_JOB_ID > {output}"
"""
RESOURCES = {
    "genotype": {"mem_mb": 500, "runtime": 1},
    "query": {"mem_mb": 300, "runtime": 2},
}


class Cluster:
    def __init__(self, checkout):
        self.checkout = checkout
        checkout.set({**SETTINGS, "tracking": False, "resources": RESOURCES})
        with (checkout.folder / "Snakefile").open("a") as stream:
            stream.write('\n\ninclude: "rules/toy.smk"\n')
        (checkout.folder / "rules" / "toy.smk").write_text(RULES)
        shutil.copy(Path(__file__).with_name("toy_stage.py"), checkout.folder)

    def start(self, *targets, profile="--profile"):
        quick = ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10"]
        command = [sys.executable, "-m", "snakemake", "-p", profile, "profiles/slurm", *quick]
        own = self.checkout.environment
        own["PYTHONPATH"] = os.pathsep.join([own["PYTHONPATH"], os.environ.get("PYTHONPATH", "")])
        return subprocess.Popen(
            [*command, "--configfile", "toy.yaml", "--", *targets],
            cwd=self.checkout.folder,
            env=own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def metrics(self, name):
        return json.loads(self.checkout.path(f"toy/{name}/metrics.json").read_text())

    def steps(self, name):
        told = journal.read(self.checkout.path(f"state/toy/{name}/journal.jsonl"))
        return {
            step: value for (metric, step), (value, _) in told.points.items() if metric == "loss"
        }

    def wait_for_step(self, name, n):
        checkpoint = self.checkout.path(f"state/toy/{name}/toy.pt.json")
        deadline = time.monotonic() + 240
        while not checkpoint.exists() or json.loads(checkpoint.read_text())["step"] < n:
            assert time.monotonic() < deadline, f"{name} does not start"
            time.sleep(0.2)


def jobs():
    """Number -> comment of the jobs that SLURM holds."""
    listed = subprocess.run(["squeue", "-h", "-o", "%i|%k"], capture_output=True, text=True)
    return dict(line.split("|", 1) for line in listed.stdout.splitlines())


def facts_of(number):
    """What SLURM knows of a job, ended or not."""
    shown = subprocess.run(["scontrol", "show", "job", number], capture_output=True, text=True)
    return dict(re.findall(r"(\w+)=(\S*)", shown.stdout))


@pytest.fixture
def cluster(slurm, copy_checkout):
    return Cluster(copy_checkout())


def test_jobs_that_are_cancelled_too_slow_or_too_greedy_are_retried_and_go_on(cluster):
    run = cluster.start("toys")
    cluster.wait_for_step("cancelled", 3)
    (number,) = [number for number, comment in jobs().items() if comment == "rule_cancelled"]
    subprocess.run(["scancel", number], check=True)
    output, _ = run.communicate(timeout=600)
    assert run.returncode == 0, output
    submitted = {}
    for rule, job in re.findall(r"jobid \d+ \(log: .*/rule_(\w+)/(\d+)\.log\)", output):
        submitted.setdefault(rule, []).append(job)
    for name, n_steps in (("cancelled", 20), ("slow", 100), ("greedy", 15)):
        first, *retries = [facts_of(job) for job in submitted[name]]
        assert retries, f"{name} was not retried"
        assert first["JobState"] in ("CANCELLED", "TIMEOUT", "FAILED", "OUT_OF_MEMORY")
        assert cluster.metrics(name)["first_step"] > 0, f"{name} began anew"
        # As undisturbed: every step once, with its value.
        assert cluster.steps(name) == {step: 1 / (step + 1) for step in range(n_steps)}
    slow, greedy = ([facts_of(job) for job in submitted[name]] for name in ("slow", "greedy"))
    assert slow[0]["JobState"] == "TIMEOUT"
    assert [job["TimeLimit"] for job in slow[:2]] == ["00:01:00", "00:02:00"]
    assert [job["MinMemoryNode"] for job in greedy[:2]] == ["500M", "1000M"]
    assert cluster.metrics("cancelled")["gpus"] in ("0", "1")
    lookups = {cluster.checkout.path(f"lookup/{n}.txt").read_text() for n in range(6)}
    assert len(lookups) == 1, "look-ups of seconds share one job"
    shared = facts_of(lookups.pop().strip())
    assert shared["NumCPUs"] == "1" and shared["MinMemoryNode"] == "300M", "one after another"
    assert shared["TimeLimit"] == "00:12:00", "the time of all six"


def test_look_ups_of_the_workflow_share_a_job_as_those_do():
    """The resource that the profile limits stands at the rule that it groups."""
    rules = (ROOT / "rules" / "nasbench.smk").read_text()
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
    assert profile["groups"] == ["query_table=lookup"]
    assert profile["resources"]["lookups"] == 1
    assert profile["set-resource-scopes"] == ["lookups=local"]
    rule = rules.partition("rule query_table:")[2].partition("\nrule ")[0]
    assert "        lookups=1,\n" in rule


def test_what_is_not_ours_is_left_alone(tmp_path):
    """`slurm-up` stops at a configuration of somebody else, which `slurm-down` does not remove."""
    site, state = tmp_path / "etc", tmp_path / "state"
    for name in ("slurm.conf", "gres.conf", "cgroup.conf"):
        site.mkdir(exist_ok=True)
        (site / name).write_text("ClusterName=site\n")
        state.mkdir(exist_ok=True)
        (state / "conf").write_text(str(site / "slurm.conf"))
        up = [SCRIPTS / "slurm-up", "--conf", site, "--state", state]
        done = subprocess.run(up, capture_output=True, text=True)
        assert done.returncode == 2
        assert f"{site / name} is not its own: move it away" in done.stderr
        subprocess.run([SCRIPTS / "slurm-down", "--state", state], check=True)
        assert [path.read_text() for path in site.iterdir()] == ["ClusterName=site\n"]
        (site / name).unlink()


def test_a_job_left_by_a_killed_controller_is_cancelled_before_the_work_starts_again(cluster):
    target = "results/demo/toy/orphan/metrics.json"
    run = cluster.start(target)
    cluster.wait_for_step("orphan", 3)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    (orphan,) = [number for number, comment in jobs().items() if comment == "rule_orphan"]
    assert facts_of(orphan)["JobState"] == "RUNNING", "outlives its controller"
    again = cluster.start(target)
    output, _ = again.communicate(timeout=600)
    assert again.returncode == 0, output
    assert f"left: {orphan}" in output
    assert facts_of(orphan)["JobState"] == "CANCELLED"
    assert cluster.metrics("orphan")["first_step"] >= 3
    assert cluster.metrics("orphan")["job"] > int(orphan)
    assert cluster.steps("orphan") == {step: 1 / (step + 1) for step in range(20)}


def test_the_whole_chain_runs_through_slurm_with_a_search_cancelled(cluster, copy_checkout):
    """By `--workflow-profile`, and with the same bits as here."""
    here = cluster.checkout
    few = {"mem_mb": 3000, "runtime": 10}
    stages = ("prepare", "search", "genotype", "query", "retrain", "transfer", "report")
    searched = "nasbench201/digits/shapley/seed0/search"
    search = {**SETTINGS["search"]["nasbench201"], "epochs": 8}
    settings = {**SETTINGS, "search": {"nasbench201": search}}
    here.set(settings := {**settings, "resources": dict.fromkeys(stages, few)})
    run = cluster.start(profile="--workflow-profile")
    checkpoint, deadline = here.path(f"state/{searched}/search.pt"), time.monotonic() + 300
    while not checkpoint.exists():
        assert run.poll() is None and time.monotonic() < deadline, "the search does not start"
        time.sleep(0.1)
    (number,) = [number for number, comment in jobs().items() if "shapley" in comment]
    subprocess.run(["scancel", number], check=True)
    output, _ = run.communicate(timeout=900)
    assert run.returncode == 0, output
    assert facts_of(number)["JobState"] == "CANCELLED"
    assert here.path("report/index.html").exists()
    log = here.path("logs/search/nasbench201/digits/shapley/seed0.log").read_text()
    assert "resumed from epoch" in log
    runs = [run for run in here.store() if run["stage"] != "row"]
    assert {run["status"] for run in runs} == {"FINISHED"}
    assert len({run["run"] for run in runs}) == len(runs), "one run a stage, gone on with"
    undisturbed = copy_checkout()
    undisturbed.set(settings)
    code, output = undisturbed.snakemake(f"results/demo/{searched}/strength.npz")
    assert code == 0, output
    one, other = (np.load(c.path(f"{searched}/strength.npz")) for c in (here, undisturbed))
    assert [one[name].tobytes() for name in one] == [other[name].tobytes() for name in one]
