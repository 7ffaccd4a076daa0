"""What this machine has, asked without importing torch."""

from __future__ import annotations

from pathlib import Path


def has_gpu(device: str) -> bool:
    """Whether jobs will run on a GPU: asked for, or `auto` on a machine with an NVIDIA driver.

    CUDA_VISIBLE_DEVICES is no answer: a cluster sets it with no device behind it.
    """
    return device == "cuda" or (
        device == "auto" and any(Path("/proc/driver/nvidia/gpus").glob("*"))
    )
