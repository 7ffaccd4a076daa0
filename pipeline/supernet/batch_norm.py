"""The batch-norm statistics with which the value of a coalition is measured.

The paper does not say which. Running statistics are collected with all operations present, so they
are wrong for a supernet from which operations are removed. Our default is batch statistics. They
can also be estimated again for each coalition (`recalibrated`).
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

POLICIES = ("batch", "running")


@contextlib.contextmanager
def modes_restored(network: nn.Module) -> Iterator[None]:
    """Restore the mode (training or evaluation) of every module after the block."""
    modes = {module: module.training for module in network.modules()}
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """The batch norms of a network."""
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


@contextlib.contextmanager
def evaluation_mode(network: nn.Module, policy: str = "batch") -> Iterator[None]:
    """Put a network in evaluation mode inside the block, then restore the mode of every module.

    Batch norms use the statistics of each batch ("batch") or their running statistics ("running").
    Their running statistics do not change.

    Raises:
        ValueError: the policy is unknown.
    """
    if policy not in POLICIES:
        raise ValueError(f"batch-norm policy {policy!r}; known: {', '.join(POLICIES)}")
    norms = batch_norms(network) if policy == "batch" else []
    tracked = [norm.track_running_stats for norm in norms]
    with modes_restored(network):
        try:
            network.eval()
            for norm in norms:
                norm.training, norm.track_running_stats = True, False
            yield
        finally:
            for norm, tracks in zip(norms, tracked, strict=True):
                norm.track_running_stats = tracks


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
    kept = [(norm, norm.momentum, copy.deepcopy(norm.state_dict())) for norm in norms]

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
