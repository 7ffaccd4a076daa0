"""Training with several processes: torchrun runs the same command in each process.

On several machines, the processes connect through the first host of the SLURM job, at a port
computed from the job id.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence

from pipeline import machine
from pipeline.errors import InputError

FIRST_PORT, N_PORTS = 20_000, 20_000


def command(
    verb: Sequence[str], processes: int, nodes: int, environment: Mapping[str, str]
) -> list[str]:
    """The command line that runs `python -m pipeline VERB` in `nodes * processes` ranks.

    `nodes` is the number of machines, `processes` the number of ranks on each machine.
    `environment` has the environment variables of the SLURM job, which several machines need.

    Raises:
        InputError: several machines are requested outside a SLURM job.
    """
    ranks = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    if nodes == 1:
        return [*ranks, "--standalone", "-m", "pipeline", *verb]
    if "SLURM_JOB_ID" not in environment:
        raise InputError(
            f"resources: nodes: {nodes} machines need a SLURM job; run with "
            "`--profile profiles/slurm`, or set nodes: 1"
        )
    job = environment["SLURM_JOB_ID"]
    port = FIRST_PORT + int(job) % N_PORTS  # the same for jobs whose ids differ by 20,000
    meet = f"{first_host(environment['SLURM_JOB_NODELIST'])}:{port}"
    # --overlap, because Snakemake itself runs in a step that holds the job's first cores.
    step = ["srun", "--overlap", f"--jobid={job}", f"--nodes={nodes}", f"--ntasks={nodes}"]
    rendezvous = ["--rdzv-backend=c10d", f"--rdzv-endpoint={meet}", f"--rdzv-id={job}"]
    each = ["--ntasks-per-node=1", "--cpu-bind=none", "--kill-on-bad-exit=1"]
    return [*step, *each, *ranks, f"--nnodes={nodes}", *rendezvous, "-m", "pipeline", *verb]


def first_host(nodelist: str) -> str:
    """The first host of a SLURM list such as `gpu[03-05,9],cpu1`."""
    try:
        listed = subprocess.run(
            ["scontrol", "show", "hostnames", nodelist], capture_output=True, text=True, check=True
        )
        return listed.stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        match = re.match(r"([^\[,]+)(?:\[([^\],-]+))?", nodelist)
        if match is None:
            raise InputError(f"SLURM_JOB_NODELIST: cannot be read ({nodelist!r})") from None
        return match[1] + (match[2] or "")


def spread(device: str, processes: int, nodes: int) -> None:
    """Replace this process by torchrun if several ranks are needed, unless torchrun started it."""
    if processes * nodes > 1 and "LOCAL_RANK" not in os.environ:
        if machine.has_gpu(device):
            machine.take_gpus(processes)
        line = command(sys.argv[1:], processes, nodes, os.environ)
        os.execvp(line[0], line)
