"""Small supernets of every family."""

from __future__ import annotations

from typing import Any

import torch

from pipeline import registry
from pipeline.config.recipes import SupernetSettings
from pipeline.supernet import Supernet, build_supernet

TOYS: dict[str, dict[str, Any]] = {
    "darts": {"cells": 3, "partial_channels": 2},
    "darts_imagenet": {"cells": 3, "partial_channels": 4},
    "nasbench201": {"cells": 1, "partial_channels": 1, "include_none": True},
    **{name: {"cells": 3, "partial_channels": 1} for name in ("s1", "s2", "s3", "s4")},
}


def toy(name: str, seed: int = 0, **changes: Any) -> Supernet:
    settings = SupernetSettings(channels=8, **TOYS[name] | changes)
    supernet: Supernet = build_supernet(registry.get("spaces", name)(settings), settings, 4, seed)
    return supernet


def images(name: str, n: int = 3) -> torch.Tensor:
    size = 64 if name == "darts_imagenet" else 8
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1))


def alpha(supernet: Supernet) -> torch.Tensor:
    return torch.randn(supernet.space.n_players, generator=torch.Generator().manual_seed(2))
