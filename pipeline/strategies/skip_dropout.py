"""Dropout after the skip connections of a supernet (P-DARTS, ICCV 2019)."""
# Tested in tests/strategies/test_progressive.py.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pipeline.supernet import Supernet


class SkipDropout(nn.Module):
    """Dropout of single activations in training, at a `rate`, with a `generator` on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.rate = 0.0
        self.generator: Any = None

    def forward(self, x: Tensor) -> Tensor:
        """Set random activations to zero, and divide the others by 1 - `rate`."""
        if not self.training or not self.rate:
            return x
        kept = torch.rand(x.shape, generator=self.generator).to(x.device) >= self.rate
        return x * kept / (1 - self.rate)


def add_skip_dropout(supernet: Supernet) -> list[SkipDropout]:
    """Put a dropout after every identity operation; return the dropouts."""
    for module in supernet.modules():
        operations = getattr(module, "operations", None)
        if isinstance(operations, nn.ModuleList):
            for o, operation in enumerate(operations):
                if isinstance(operation, nn.Identity):
                    operations[o] = nn.Sequential(operation, SkipDropout())
    return [module for module in supernet.modules() if isinstance(module, SkipDropout)]
