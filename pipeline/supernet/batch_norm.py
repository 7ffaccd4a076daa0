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
def evaluation_mode(network: nn.Module, policy: str = "batch") -> Iterator[None]:
    """Put a network in evaluation mode inside the block, then restore the mode of every module.

    Batch norms use the statistics of each batch ("batch") or their running statistics ("running").
    Their running statistics do not change.

    Raises:
        ValueError: the policy is unknown.
    """
    if policy not in POLICIES:
        raise ValueError(f"batch-norm policy {policy!r}; known: {', '.join(POLICIES)}")
    modes = {module: module.training for module in network.modules()}
    norms = [module for module in modes if isinstance(module, _BatchNorm)] * (policy == "batch")
    tracked = [norm.track_running_stats for norm in norms]
    try:
        network.eval()
        for norm in norms:
            norm.training, norm.track_running_stats = True, False
        yield
    finally:
        for module, training in modes.items():
            module.training = training
        for norm, tracks in zip(norms, tracked, strict=True):
            norm.track_running_stats = tracks
