"""The CPUs and GPUs of this machine, found without torch, and their allocation to processes."""
# Tested in tests/test_launch.py.

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

from pipeline.progress import warn

DRIVER = Path("/proc/driver/nvidia/gpus")
_held: list[IO[str]] = []  # a device is allocated while its file is open


def n_cpus() -> int:
    """Number of CPUs in this process's affinity mask, or OMP_NUM_THREADS if that is smaller."""
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(n, int(asked)) if asked.isdecimal() and int(asked) else n


def has_gpu(device: str) -> bool:
    """Whether jobs run on a GPU: `device` is `cuda`, or it is `auto` and there is an NVIDIA driver.

    CUDA_VISIBLE_DEVICES is not read, because clusters set it even on machines without a GPU.
    """
    return device == "cuda" or (device == "auto" and any(DRIVER.glob("*")))


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, named as in CUDA_VISIBLE_DEVICES."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip()]
    return [str(index) for index in range(len(list(DRIVER.glob("*"))))]


def gpu_models() -> list[str]:
    """Names of this machine's GPUs as torch has them: `NVIDIA A100-SXM4-80GB`."""
    texts = [path.read_text() for path in sorted(DRIVER.glob("*/information"))]
    lines = [line.partition(":") for text in texts for line in text.splitlines()]
    return [value.strip() for key, _, value in lines if key == "Model"]


def own_folder(folder: Path) -> Path:
    """Create a folder of this user inside a shared folder such as /tmp.

    Raises:
        OSError: the folder cannot be created, or belongs to another user.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(errno.EACCES, "it is somebody else's", str(folder))
    return folder


def take_gpus(n: int = 1) -> list[str]:
    """Reserve `n` free GPUs for this process until it ends.

    Snakemake counts GPUs, but does not choose them. In a SLURM job, SLURM has chosen them. A GPU is
    free if no other job of this user holds it. If fewer than `n` are free, the job shares the first
    `n` visible GPUs.

    Returns:
        Names of the GPUs. If this function chose them, it also sets CUDA_VISIBLE_DEVICES to them.
    """
    names = visible_gpus()
    if "SLURM_JOB_ID" in os.environ or "LOCAL_RANK" in os.environ or len(names) <= n:
        return names[:n]
    try:
        folder = own_folder(Path(tempfile.gettempdir(), f"shapley-nas-gpus-{os.getuid()}"))
    except OSError as error:
        warn(f"{error}: jobs share their devices")
        return names[:n]
    taken: dict[str, IO[str]] = {}
    for name in names:
        stream = (folder / f"{name.replace('/', '_')}.lock").open("w")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.close()
            continue
        os.set_inheritable(stream.fileno(), True)  # held when torchrun replaces this process
        taken[name] = stream
        if len(taken) == n:
            break
    _held.extend(taken.values())
    chosen = [*taken] if len(taken) == n else names[:n]
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(chosen)
    return chosen
