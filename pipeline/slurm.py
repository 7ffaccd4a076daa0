"""Finds and cancels the SLURM jobs of a killed workflow before the next workflow starts.

Otherwise old and new jobs would write to the same files. The name of an old job is a UUID, and it
was started in the folder of the workflow.
"""
# Tested in tests/test_launch.py.

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
import time
from pathlib import Path

from pipeline.errors import InputError
from pipeline.progress import warn

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PATIENCE = 120  # seconds that cancelled jobs may take to end
TIMEOUT = 30  # seconds for an answer of SLURM
# Snakemake's executor creates this folder before it submits its first job.
LOGS = Path(".snakemake", "slurm_logs")


def orphans(folder: Path) -> list[str]:
    """Numbers of this user's jobs that Snakemake submitted from `folder`."""
    line = ["squeue", "--noheader", "--user", getpass.getuser(), "--format", "%i|%j|%Z"]
    listed = subprocess.run(line, capture_output=True, text=True, check=True, timeout=TIMEOUT)
    rows = [row.split("|", 2) for row in listed.stdout.splitlines()]
    here = folder.resolve()
    return [
        number
        for number, name, started_in in rows
        if UUID.fullmatch(name) and Path(started_in).resolve() == here
    ]


def cancel_orphans(folder: Path) -> list[str]:
    """Cancel the jobs of a killed workflow and wait until they end; without SLURM, do nothing.

    Call this only if no other workflow runs in this folder.

    Raises:
        InputError: the jobs do not end.
    """
    if shutil.which("squeue") is None or not (folder / LOGS).exists():
        return []
    try:
        jobs = orphans(folder)
    except (subprocess.SubprocessError, OSError) as error:
        warn(f"SLURM does not answer ({error}): jobs left over were not looked for")
        return []
    if not jobs:
        return []
    warn(f"cancelling SLURM jobs that a killed workflow left: {' '.join(jobs)}")
    subprocess.run(["scancel", *jobs], check=False, timeout=TIMEOUT)
    deadline = time.monotonic() + PATIENCE
    while left := set(orphans(folder)) & set(jobs):
        if time.monotonic() > deadline:
            raise InputError(
                f"SLURM jobs of an earlier run do not end ({' '.join(sorted(left))}): see "
                "`squeue`, `scancel` them, then run again"
            )
        time.sleep(0.5)
    return jobs
