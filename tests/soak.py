"""Some hundred tiny jobs under random kills: `make soak` (tests/soak.py --jobs 200 --minutes 10).

Stages are killed (-9) or terminated at random moments, and so is snakemake itself, whose command is
then given again, as it is, until it succeeds. The results are compared with what they must be. One
line of JSON at the end; exit code 1 if anything was lost, doubled or late.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pipeline import journal, provenance  # noqa: E402
from pipeline.files import write_json  # noqa: E402
from tests.workflow.conftest import EXPERIMENT, PARTS, SETTINGS, Checkout  # noqa: E402

N_STEPS = 12
RULES = """
rule soak:
    input: expand(RESULTS + "/toy/{n}/metrics.json", n=range(N))


rule tiny:
    output: RESULTS + "/toy/{n}/metrics.json"
    params: out=RESULTS + "/toy/{n}"
    shell: "python toy_stage.py {params.out} STEPS 0 0.05"
"""


def checkout_in(folder, n_jobs):
    for part in PARTS:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    (folder / "config" / "experiments" / "toy.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    shutil.copy(ROOT / "tests" / "cluster" / "toy_stage.py", folder)
    rules = RULES.replace("(N)", f"({n_jobs})").replace("STEPS", str(N_STEPS))
    (folder / "rules" / "toy.smk").write_text(rules)
    with (folder / "Snakefile").open("a") as stream:
        stream.write('\n\ninclude: "rules/toy.smk"\n')
    checkout = Checkout(folder)
    checkout.set({**SETTINGS, "tracking": False})
    return checkout


def stages(folder):
    """Toy stages at work in this soak's own folder: nothing else is ever killed."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if b"toy_stage.py" in command and (entry / "cwd").resolve() == folder:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def hit(process, draw):
    try:
        os.kill(process, draw)
    except ProcessLookupError:
        return False
    return True


def soak(n_jobs, minutes, seed):
    draws, faults = random.Random(seed), Counter()
    folder = Path(tempfile.mkdtemp(prefix="soak-")).resolve()
    checkout = checkout_in(folder, n_jobs)
    deadline = time.monotonic() + 60 * minutes
    code = None
    while code != 0 and time.monotonic() < deadline:
        log = (folder / "log.txt").open("a")
        command = [sys.executable, "-m", "snakemake", "--cores", "4", "--retries", "3"]
        run = subprocess.Popen(
            [*command, "--configfile", "toy.yaml", "--", "soak"],
            cwd=folder,
            # An installed SLURM that is down would cost ten seconds at each start of Snakemake.
            env={**checkout.environment, "SLURM_CONF": os.devnull},
            stdout=log,
            stderr=log,
        )
        end = time.monotonic() + draws.uniform(15, 60)
        while run.poll() is None and time.monotonic() < min(end, deadline):
            time.sleep(draws.uniform(0.1, 1.0))
            at_work = stages(folder)
            if at_work and draws.random() < 0.5:
                kind = draws.choice(["SIGKILL", "SIGTERM"])
                faults[f"stage {kind}"] += hit(draws.choice(at_work), getattr(signal, kind))
        if run.poll() is None:
            kind = draws.choice(["SIGKILL", "SIGTERM"])
            faults[f"snakemake {kind}"] += hit(run.pid, getattr(signal, kind))
        code = run.wait()
    wanted = {step: 1 / (step + 1) for step in range(N_STEPS)}
    lost, doubled, resumed = [], [], 0
    for n in range(n_jobs):
        results = checkout.path(f"toy/{n}/metrics.json")
        told = journal.read(checkout.path(f"state/toy/{n}/journal.jsonl"))
        points = {step: v for (name, step), (v, _) in told.points.items() if name == "loss"}
        lines = [e["step"] for e in told.events if "loss" in e.get("values", {})]
        if not results.exists() or points != wanted:
            lost.append(n)
            continue
        resumed += json.loads(results.read_text())["first_step"] > 0
        if len(lines) != len(set(lines)):
            doubled.append(n)
    left = stages(folder)
    if lost or doubled or left:
        print(f"kept to look at: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return {
        "jobs": n_jobs,
        "faults": dict(faults),
        "resumed": resumed,
        "lost": lost,
        "doubled": doubled,
        "code": code,
        "left_at_work": left,
    }


def measurement(options, found):
    """What `docs/results.md` shows of a soak."""
    record = provenance.collect({}, options.seed, "cpu", 0.0)
    return {
        "title": "Soak: tiny jobs under random kills",
        "question": "Is anything lost, doubled or left at work when jobs and Snakemake die?",
        "command": f"python tests/soak.py --jobs {options.jobs} --seed {options.seed}",
        "commit": record["git_commit"],
        "machine": record["cpu"],
        "date": record["finished"][:10],
        "seeds": [options.seed],
        "columns": {
            "jobs": "Jobs",
            **{name: name for name in sorted(found["faults"])},
            "resumed": "Went on from a checkpoint",
            "lost": "Lost",
            "doubled": "Told twice",
            "left_at_work": "Left at work",
        },
        "rows": [
            {
                "jobs": found["jobs"],
                **found["faults"],
                "resumed": found["resumed"],
                **{name: len(found[name]) for name in ("lost", "doubled", "left_at_work")},
            }
        ],
        "notes": [
            "Before it, two soaks of this size told two jobs' steps with a gap: the toy stage "
            "did not repeat what its checkpoint knew, as real stages do; it does now."
        ],
        "does_not_show": [
            "A loss of power, or of a machine.",
            "Stages that compute: these only wait, but go through the same journal and locks.",
        ],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="write docs/measurements/soak.json here")
    options = parser.parse_args()
    found = soak(options.jobs, options.minutes, options.seed)
    print(json.dumps(found))
    if options.keep:
        write_json(options.keep, measurement(options, found))
    sys.exit(any(found[key] for key in ("lost", "doubled", "code", "left_at_work")))
