"""Supernets: every operation on every edge, mixed with weights that come from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pipeline.errors import InputError
from pipeline.seeds import derive
from pipeline.supernet.batch_norm import evaluation_mode
from pipeline.supernet.darts import DartsSupernet
from pipeline.supernet.fast.reuse import Beginning
from pipeline.supernet.mixture import mixture
from pipeline.supernet.nasbench201 import NasBench201Supernet
from pipeline.supernet.supernet import Supernet

if TYPE_CHECKING:
    from pipeline.config.recipes import SupernetSettings
    from pipeline.spaces import Space

__all__ = ["Beginning", "Supernet", "evaluation_mode", "make", "mixture"]

FAMILIES: dict[str, type[Supernet]] = {
    "darts": DartsSupernet,
    "nasbench201": NasBench201Supernet,
}


def make(space: Space, settings: SupernetSettings, classes: int, seed: int) -> Supernet:
    """The supernet of a space, as `Space.supernet` says."""
    if settings.channels % settings.partial_channels:
        raise InputError(
            f"supernet.partial_channels: {settings.partial_channels} does not divide "
            f"supernet.channels ({settings.channels}); choose a divisor"
        )
    with torch.random.fork_rng(devices=[]):  # the weights are made on the CPU
        torch.default_generator.manual_seed(derive(seed, "supernet"))
        supernet = FAMILIES[space.family](space, settings, classes)
    if settings.channels_last:
        supernet = supernet.to(memory_format=torch.channels_last)
    return supernet
