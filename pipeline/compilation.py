"""Compilation by `torch.compile`: whether it pays, how it is done, and what runs where it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.progress import warn

# Steps that win a compilation back. NAS-Bench-201, C = 16, N = 1, batch 128, two cores: it takes
# 88 s and a step then 0.204 s instead of 0.212 s, so about 11,000; with one thread about 1,400.
COMPILED_STEPS = 10_000

# Images -> logits and those of the auxiliary head, if there is one.
TrainingPass = Callable[[Tensor], tuple[Tensor, Tensor | None]]


def compile_pays(wanted: bool | str, n_steps: int) -> bool:
    """Whether to compile a training of so many steps; `auto`: where the time comes back.

    The steps are those of the whole run, not of what is left: a resumed run decides alike.
    """
    return n_steps >= COMPILED_STEPS if wanted == "auto" else bool(wanted)


def compile_mode(device: torch.device) -> str:
    """The mode of compilation: CUDA graphs on a GPU, where the launches of kernels cost most."""
    return "reduce-overhead" if device.type == "cuda" else "default"


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
            warn_of_failure(error)
            chosen = function
            return chosen(*arguments)

    return call


def compiled_training_pass(
    plain: TrainingPass, network: nn.Module, batch_size: int
) -> TrainingPass:
    """The forward pass of a training step of a network, compiled for batches of one size.

    A batch of another size runs as it is: compiling the smaller last one would not pay.
    """
    chosen: TrainingPass | None = None

    def forward(images: Tensor) -> tuple[Tensor, Tensor | None]:
        nonlocal chosen
        if len(images) != batch_size:
            return plain(images)
        if chosen is None:
            fast = compiled(plain)
            chosen = fast if backward_compiles(fast, network, images) else plain
        return chosen(images)

    return forward


def backward_compiles(forward: TrainingPass, network: nn.Module, images: Tensor) -> bool:
    """Whether a compiled pass has a backward pass; it leaves no trace but a warning if not.

    The backward pass is compiled when it first runs: in the midst of a step, which could not be
    undone. So it is tried here.
    """
    from torch._dynamo.exc import TorchDynamoException

    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    parameters = [p for p in network.parameters() if p.requires_grad]
    try:
        with torch.random.fork_rng([images.device] if images.is_cuda else []):
            outputs = [part.float().sum() for part in forward(images) if part is not None]
            with torch.autocast(images.device.type, enabled=False):
                total = torch.stack(outputs).sum()
                torch.autograd.grad(total, parameters, allow_unused=True)
    except TorchDynamoException as error:
        warn_of_failure(error)
        return False
    finally:
        for buffer, before in buffers:
            buffer.copy_(before)
    return True


def warn_of_failure(error: Exception) -> None:
    """Log the first line of a compiler's error."""
    reason = str(error).strip().partition("\n")[0]
    warn(f"torch.compile failed, going on without it: {reason}")
