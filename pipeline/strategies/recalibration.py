"""Batch-norm statistics re-estimated for a network from which operations are removed."""
# Tested in tests/strategies/test_value_function.py.

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.supernet.batch_norm import batch_norms, modes_restored


@contextlib.contextmanager
def recalibrated(
    network: nn.Module, forward: Callable[[Tensor], Any]
) -> Iterator[Callable[[Iterable[Tensor]], None]]:
    """A `with` block in evaluation mode, in which running statistics can be re-estimated.

    `forward` runs the network on images. Old statistics and modes are restored after the block.

    Yields:
        A function that sets the running statistics to the mean over given batches of images.
    """
    norms = batch_norms(network)
    kept = [(norm, norm.momentum, _clone(norm.state_dict())) for norm in norms]

    def adapt(batches: Iterable[Tensor]) -> None:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches
            norm.train()
        with torch.no_grad():
            for images in batches:
                forward(images)
        network.eval()

    with modes_restored(network):
        try:
            network.eval()
            yield adapt
        finally:
            for norm, momentum, state in kept:
                norm.momentum = momentum
                norm.load_state_dict(state)


def _clone(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value.clone() for name, value in state.items()}
