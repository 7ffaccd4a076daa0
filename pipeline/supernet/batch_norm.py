"""The batch-norm statistics with which the value of a coalition is measured.

The paper does not say which. Running statistics are collected with all operations present, so they
are wrong for a supernet from which operations are removed. Our default is batch statistics.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn
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
