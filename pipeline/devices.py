"""Settings of the compute device: number of threads, precision, reproducibility.

On a CPU, runs with the same seed and the same number of threads give bitwise equal results. On a
GPU, equal results need the slower deterministic mode, the same kind of GPU and the same package
versions.
"""

from __future__ import annotations

import os

import torch

from pipeline.errors import InputError


def resolve(name: str) -> torch.device:
    """The device for `cpu`, `cuda`, or `auto` (the GPU if there is one).

    Raises:
        InputError: the name is unknown, or torch sees no GPU.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise InputError(f"device: unknown {name!r}; choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device: cuda is asked for but torch sees no GPU; choose auto or cpu")
    return torch.device(name)


def configure(threads: int, deterministic: bool = False) -> None:
    """Set torch's number of threads and deterministic mode; call this before using torch.

    Under torchrun, `threads` is divided among the processes of a machine.
    """
    torch.set_num_threads(max(1, threads // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    if deterministic:
        # cuBLAS is reproducible only with a fixed workspace.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Same effect as `use_deterministic_algorithms`, but does not load torch's compiler.
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.benchmark = not deterministic


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context for forward passes in float32, bfloat16 or float16 (mixed precision).

    Gradients in float16 need scaling; those in bfloat16 do not.
    """
    dtype = torch.float16 if precision == "float16" else torch.bfloat16
    return torch.autocast(device.type, dtype, enabled=precision != "float32")
