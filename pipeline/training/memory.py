"""The memory layout of a network and its images in training and evaluation."""
# Tested in tests/supernet/fast/test_depthwise.py.

from __future__ import annotations

import torch
from torch import nn

from pipeline.config.recipes import TrainSettings
from pipeline.supernet.fast.depthwise import with_fast_gradients

NARROW = 16  # channels in the first cell


def memory_format(recipe: TrainSettings, device: torch.device) -> torch.memory_format:
    """The memory format of images and weights; contiguous for narrow networks on a CPU.

    With torch 2.14, oneDNN's AVX-512 kernels for channels_last wrote out of bounds in a network
    with 8 channels in its first cell. With 16 channels they did not.
    """
    narrow = device.type == "cpu" and recipe.channels < NARROW
    return torch.channels_last if recipe.channels_last and not narrow else torch.contiguous_format


def move_to_device(network: nn.Module, recipe: TrainSettings, device: torch.device) -> None:
    """Move a network to `device` and set its memory format; on CPUs, use `DepthwiseConv` layers."""
    network.to(device).to(memory_format=memory_format(recipe, device))
    if device.type == "cpu":
        with_fast_gradients(network)
