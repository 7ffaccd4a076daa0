"""Where tensors live and how exactly they repeat: device, threads, precision, determinism.

On a CPU a fixed seed and a fixed number of threads give the same bits twice. On a GPU cuDNN and
cuBLAS choose among algorithms that sum in varying order; the deterministic mode forbids those,
at some cost in speed, and then a fixed seed gives the same bits twice on the same kind of GPU
with the same versions.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from pipeline.config.recipes import TrainSettings
from pipeline.errors import InputError
from pipeline.training.depthwise import with_fast_gradients

logger = logging.getLogger(__name__)

NARROW = 16  # channels of the first cell
# Steps that win a compilation back. NAS-Bench-201, C = 16, N = 1, batch 128, two cores: it takes
# 88 s and a step then 0.204 s instead of 0.212 s, so about 11,000; with one thread about 1,400.
COMPILED_STEPS = 10_000


def resolve(name: str) -> torch.device:
    """The device called `name`.

    Args:
        name: `auto` (the GPU where there is one, else the CPU), `cpu` or `cuda`.

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
    """Set torch's threads and determinism, once a process, before any other use of torch.

    Args:
        threads: threads of torch's CPU kernels, those of the rule; ranks of torchrun share them.
        deterministic: only algorithms that repeat bit for bit on a GPU. Without it cuDNN times
            its algorithms and takes the fastest.
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


def memory_format(recipe: TrainSettings, device: torch.device) -> torch.memory_format:
    """How the axes of images and weights lie in memory.

    Contiguous on a CPU where a network is narrow: there oneDNN's AVX-512 kernels wrote beyond
    their memory (torch 2.14, C = 8 with a stem of 4 channels at 224 pixels; C = 16 is sound).
    """
    narrow = device.type == "cpu" and recipe.channels < NARROW
    return torch.channels_last if recipe.channels_last and not narrow else torch.contiguous_format


def place(network: nn.Module, recipe: TrainSettings, device: torch.device) -> None:
    """Bring a network to its device, in place, in the form that trains fastest there."""
    network.to(device).to(memory_format=memory_format(recipe, device))
    if device.type == "cpu":
        with_fast_gradients(network)


def compile_pays(wanted: bool | str, n_steps: int) -> bool:
    """Whether to compile a training of so many steps.

    Args:
        wanted: true or false, or `auto`: where the time that it takes comes back.
        n_steps: of the whole run, not of what is left of it: a resumed run goes on in the same way.
    """
    return n_steps >= COMPILED_STEPS if wanted == "auto" else bool(wanted)


def compile_mode(where: torch.device) -> str:
    """How to compile a training step: as CUDA graphs on a GPU, where launches are what it costs."""
    return "reduce-overhead" if where.type == "cuda" else "default"


def compiled(function: Callable[..., Any], mode: str = "default") -> Callable[..., Any]:
    """`torch.compile(function)`, or with a warning `function` itself where that does not work.

    Compilation happens at the first call, so that is where a missing compiler shows.
    """
    from torch._dynamo.exc import TorchDynamoException  # loads the compiler: only where it is used

    chosen = torch.compile(function, dynamic=False, mode=mode)

    def call(*arguments: Any) -> Any:
        nonlocal chosen
        try:
            return chosen(*arguments)
        except TorchDynamoException as error:
            reason = str(error).strip().partition("\n")[0]
            logger.warning("torch.compile failed, going on without it: %s", reason)
            chosen = function
            return chosen(*arguments)

    return call
