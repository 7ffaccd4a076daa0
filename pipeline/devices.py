"""The device that computes, its threads, its precision, and how exactly it repeats itself.

On a CPU a fixed seed and a fixed number of threads give the same bits twice. On a GPU cuDNN and
cuBLAS choose among algorithms that sum in varying order; the deterministic mode forbids those,
at some cost in speed, and then a fixed seed gives the same bits twice on the same kind of GPU
with the same versions.
"""

from __future__ import annotations

import os

import torch

from pipeline.errors import InputError


def resolve(name: str) -> torch.device:
    """The device called `auto` (the GPU where there is one, else the CPU), `cpu` or `cuda`.

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

    The threads are those of the rule; ranks of torchrun share them. `deterministic` allows only
    algorithms that repeat bit for bit on a GPU; without it cuDNN takes the fastest.
    """
    torch.set_num_threads(max(1, threads // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    if deterministic:
        # cuBLAS repeats only with a fixed workspace, which it reads when its first handle is made.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.benchmark = not deterministic


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Context of the forward pass: `float32` as it is, `bfloat16` and `float16` mixed precision.

    bfloat16 has float32's range, so that gradients need no scaling; those of float16 do.
    """
    dtype = torch.float16 if precision == "float16" else torch.bfloat16
    return torch.autocast(device.type, dtype, enabled=precision != "float32")
