"""Compilation by `torch.compile`: when it saves time, and what happens if it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.progress import warn

# Training steps after which compilation has saved more time than it took: on NAS-Bench-201 about
# 11,000 with two threads, and about 2,400 with one thread (docs/supernet.md).
COMPILED_STEPS = 10_000

# Images -> logits, and the logits of the auxiliary head if there is one.
TrainingPass = Callable[[Tensor], tuple[Tensor, Tensor | None]]


def compile_pays(wanted: bool | str, n_steps: int) -> bool:
    """Whether to compile a training of `n_steps` steps; `wanted` is True, False or "auto".

    `n_steps` includes finished steps, so a resumed run makes the same choice.
    """
    return n_steps >= COMPILED_STEPS if wanted == "auto" else bool(wanted)


def compile_mode(device: torch.device) -> str:
    """The mode for `torch.compile`; on a GPU, one that uses CUDA graphs."""
    return "reduce-overhead" if device.type == "cuda" else "default"


def compiled(function: Callable[..., Any], mode: str = "default") -> Callable[..., Any]:
    """`torch.compile(function)`; if compilation fails, `function` runs uncompiled, with a warning.

    Compilation happens at the first call.
    """
    from torch._dynamo.exc import TorchDynamoException  # imports the compiler

    # `devices.configure` leaves out this call, because it loads the compiler.
    torch.use_deterministic_algorithms(torch.are_deterministic_algorithms_enabled())
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
    """A training step's forward pass, compiled for batches of `batch_size` images.

    Batches of other sizes (usually only the last of an epoch) run uncompiled.
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
    """Whether torch can also compile the backward pass of `forward`; warns if it cannot.

    It tries one separately, since a failure within a training step could not be undone.
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
