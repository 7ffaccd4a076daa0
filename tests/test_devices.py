import os
import subprocess
import sys

import pytest
import torch

from pipeline import devices
from pipeline.errors import InputError


def test_auto_and_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.resolve("auto") == devices.resolve("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="no GPU"):
        devices.resolve("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.resolve("auto") == devices.resolve("cuda") == torch.device("cuda")
    assert devices.resolve("cpu") == torch.device("cpu")


def test_an_unknown_device_is_the_users_error():
    with pytest.raises(InputError, match="device"):
        devices.resolve("tpu")


def test_configure_sets_threads_and_determinism():
    program = """
import os, torch
from pipeline import devices
for deterministic in (False, True):
    devices.configure(1, deterministic)
    print(torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(),
          torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark,
          os.environ.get("CUBLAS_WORKSPACE_CONFIG"))
"""
    environment = {k: v for k, v in os.environ.items() if k != "CUBLAS_WORKSPACE_CONFIG"}
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines() == ["1 False False True None", "1 True True False :4096:8"]


def test_autocast_computes_in_bfloat16_and_close_to_float32():
    cpu = torch.device("cpu")
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 8, 8, 8, generator=generator)
    weight = torch.randn(8, 8, 3, 3, generator=generator)
    with devices.autocast(cpu, "float32"):
        exact = torch.conv2d(images, weight)
    with devices.autocast(cpu, "bfloat16"):
        mixed = torch.conv2d(images, weight)
    assert exact.dtype == torch.float32 and mixed.dtype == torch.bfloat16
    assert torch.equal(exact, torch.conv2d(images, weight))
    error = (mixed - exact).abs().max() / exact.abs().max()
    assert 0 < error < 0.01  # bfloat16 has eight bits of precision
