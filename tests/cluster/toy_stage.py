"""A stage that only waits: `toy_stage.py OUT STEPS MEGABYTES [SECONDS A STEP]`.

It goes through the real `stages.stage` (journal, lock, provenance, outputs last), so that what
SLURM does to a job is done to a stage, at no cost in CPU.
"""

import os
import sys
import time
from pathlib import Path

from pipeline import files
from pipeline.settings import Settings
from pipeline.stages.stage import stage

out, n_steps, megabytes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 1.0
with stage("toy", out, Settings(), seed=0) as s:
    checkpoint = s.state / "toy.pt.json"
    first = files.read_json(checkpoint)["step"] if checkpoint.exists() else 0
    if first:
        s.log(f"resumed from step {first}")
    for step in range(first):  # as real stages do: it may have been killed before it told
        s.epoch({"loss": 1 / (step + 1)}, step)
    block = b""
    for step in range(first, n_steps):
        if step == 5:
            block = b"x" * (megabytes << 20)  # written to, so that it counts
        time.sleep(seconds)
        files.write_json(checkpoint, {"step": step + 1})
        s.epoch({"loss": 1 / (step + 1)}, step)
    facts = {"job": int(os.environ.get("SLURM_JOB_ID", 0)), "first_step": first}
    s.finish({"steps": n_steps, "gpus": os.environ.get("CUDA_VISIBLE_DEVICES", ""), **facts})
