import functools
import os
import subprocess
import sys

import pytest
import torch

from pipeline.errors import InputError
from pipeline.training import device


def test_auto_and_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.resolve("auto") == device.resolve("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="no GPU"):
        device.resolve("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.resolve("auto") == device.resolve("cuda") == torch.device("cuda")
    assert device.resolve("cpu") == torch.device("cpu")


def test_an_unknown_device_is_the_users_error():
    with pytest.raises(InputError, match="device"):
        device.resolve("tpu")


def test_configure_sets_threads_and_determinism():
    program = """
import os, torch
from pipeline.training import device
for deterministic in (False, True):
    device.configure(1, deterministic)
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
    with device.autocast(cpu, "float32"):
        exact = torch.conv2d(images, weight)
    with device.autocast(cpu, "bfloat16"):
        mixed = torch.conv2d(images, weight)
    assert exact.dtype == torch.float32 and mixed.dtype == torch.bfloat16
    assert torch.equal(exact, torch.conv2d(images, weight))
    error = (mixed - exact).abs().max() / exact.abs().max()
    assert 0 < error < 0.01  # bfloat16 has eight bits of precision


def warnings_of_ours(caplog):
    return [record.message for record in caplog.records if record.name == device.logger.name]


def test_without_a_compiler_the_function_itself_runs(caplog):
    from torch._inductor import config
    from torch._inductor.utils import fresh_inductor_cache

    calls = device.compiled(lambda x: torch.relu(x) * 2.25 + x.sin())
    x = torch.linspace(-1, 1, 37)
    with config.patch({"cpp.cxx": ("/nowhere/g++",)}), fresh_inductor_cache():
        for _ in range(2):
            assert torch.equal(calls(x), torch.relu(x) * 2.25 + x.sin())
    (warning,) = warnings_of_ours(caplog)
    assert "torch.compile failed" in warning and "\n" not in warning


def test_compiled_gives_the_same_numbers_and_the_functions_own_errors(caplog, monkeypatch):
    # The tracing is what we rely on; generating C++ would cost a quarter of a minute.
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))

    def function(x):
        if x.dim() != 1:
            raise ValueError("one dimension, please")
        return torch.relu(x) * 2 + x.sin()

    fast = device.compiled(function)
    x = torch.linspace(-1, 1, 33)
    torch.testing.assert_close(fast(x), function(x))
    assert not warnings_of_ours(caplog)  # it was compiled
    with pytest.raises(ValueError, match="one dimension"):
        fast(x[None])


def test_when_a_compilation_pays():
    long = device.COMPILED_STEPS
    assert [device.compile_pays("auto", n) for n in (long - 1, long)] == [False, True]
    assert [device.compile_pays(wanted, 1) for wanted in (True, False)] == [True, False]
    assert not device.compile_pays(False, long)


def test_cuda_graphs_on_gpus_only():
    assert device.compile_mode(torch.device("cuda", 1)) == "reduce-overhead"
    assert device.compile_mode(torch.device("cpu")) == "default"
