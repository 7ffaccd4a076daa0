"""Calls a cell in one of three ways: directly, compiled, or with gradient checkpointing.

With checkpointing, the backward pass recomputes the activations of a cell in a second forward pass
(Chen et al., "Training deep nets with sublinear memory cost", 2016).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pipeline.compilation import compile_mode, compiled
from pipeline.spaces.operations import Noise
from pipeline.supernet.cell import MixedCell

# Each cell shape and batch size needs a graph; torch's limit per function is too low.
COMPILED_GRAPHS = 64


def compiled_cell(device: torch.device) -> Callable[..., Tensor]:
    """Compiled forward pass of a `MixedCell`; a `FusedCell` hinders the compiler."""
    import torch._dynamo  # imported here, because it loads the compiler

    torch._dynamo.config.recompile_limit = COMPILED_GRAPHS
    return compiled(MixedCell.forward, compile_mode(device))


def checkpointed(run: Callable[..., Tensor], cell: nn.Module, *arguments: Any) -> Tensor:
    """`run(cell, *arguments)` without keeping activations; a step costs a third more."""
    output: Tensor = checkpoint(
        run,
        cell,
        *arguments,
        use_reentrant=False,
        preserve_rng_state=False,  # cells do not draw from the global generators
        context_fn=lambda: (contextlib.nullcontext(), recomputing(cell)),
    )
    return output


@contextlib.contextmanager
def recomputing(cell: nn.Module) -> Iterator[None]:
    """Inside the block, a cell repeats the noise of its last pass and changes no statistics."""
    norms: list[Any] = [module for module in cell.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    counts = [norm.num_batches_tracked.clone() for norm in norms]
    for module in cell.modules():
        if isinstance(module, Noise):
            module.draws -= module.training
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        with torch.no_grad():
            for norm, momentum, count in zip(norms, momenta, counts, strict=True):
                norm.momentum = momentum
                norm.num_batches_tracked.copy_(count)
