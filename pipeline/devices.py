"""The device that computes: number of threads, precision, reproducibility.

On a CPU a fixed seed and a fixed number of threads give the same bits in every run. On a GPU cuDNN
and cuBLAS may choose algorithms that sum in varying order. The deterministic mode forbids these and
is slower. With it, a fixed seed gives the same bits on the same kind of GPU and with the same
versions of packages.
"""

from __future__ import annotations

import os

import torch

from pipeline.errors import InputError


def resolve(name: str) -> torch.device:
    """The device called `auto` (the GPU if there is one, else the CPU), `cpu` or `cuda`.

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
    """Set torch's threads and determinism, once per process, before any other use of torch.

    Under torchrun, each process on a machine gets an equal share of the threads. If
    `deterministic`, a GPU uses only algorithms that are bit-reproducible; otherwise cuDNN chooses
    the fastest.
    """
    torch.set_num_threads(max(1, threads // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    if deterministic:
        # cuBLAS is reproducible only with a fixed workspace; it reads this variable at its start.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Same effect as `use_deterministic_algorithms`, but does not load torch's compiler.
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.benchmark = not deterministic


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context for forward passes in `float32`, or in mixed precision, `bfloat16` or `float16`.

    Gradients in float16 need scaling. Gradients in bfloat16 do not, as its range is that of
    float32.
    """
    dtype = torch.float16 if precision == "float16" else torch.bfloat16
    return torch.autocast(device.type, dtype, enabled=precision != "float32")
