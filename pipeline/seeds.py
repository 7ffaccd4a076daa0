"""Random numbers as a function of (seed, purpose, epoch): nothing to save, nothing to restore.

Every epoch of every stage draws from generators made anew from the run's seed and a name, so a
run that resumes at an epoch draws what the undisturbed run would have drawn.
"""
# Tested in tests/contract/test_strategies.py.

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed from a run's seed and names, e.g. `derive(0, "weights", epoch)`."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for one purpose."""
    return np.random.default_rng(derive(seed, *names))


def torch_generator(seed: int, *names: str | int, device: str = "cpu") -> torch.Generator:
    """A torch generator for one purpose."""
    import torch

    return torch.Generator(device).manual_seed(derive(seed, *names))
