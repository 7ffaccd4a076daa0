import functools

import pytest
import torch

from pipeline import compilation


def test_without_a_compiler_the_function_itself_runs(warned):
    from torch._inductor import config
    from torch._inductor.utils import fresh_inductor_cache

    calls = compilation.compiled(lambda x: torch.relu(x) * 2.25 + x.sin())
    x = torch.linspace(-1, 1, 37)
    with config.patch({"cpp.cxx": ("/nowhere/g++",)}), fresh_inductor_cache():
        for _ in range(2):
            assert torch.equal(calls(x), torch.relu(x) * 2.25 + x.sin())
    (warning,) = warned()
    assert "torch.compile failed" in warning and "\n" not in warning


def test_compiled_gives_the_same_numbers_and_the_functions_own_errors(warned, monkeypatch):
    # The tracing is what we rely on; generating C++ would cost a quarter of a minute.
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))

    def function(x):
        if x.dim() != 1:
            raise ValueError("one dimension, please")
        return torch.relu(x) * 2 + x.sin()

    fast = compilation.compiled(function)
    x = torch.linspace(-1, 1, 33)
    torch.testing.assert_close(fast(x), function(x))
    assert not warned()  # it was compiled
    with pytest.raises(ValueError, match="one dimension"):
        fast(x[None])


def test_when_a_compilation_pays():
    long = compilation.COMPILED_STEPS
    assert [compilation.compile_pays("auto", n) for n in (long - 1, long)] == [False, True]
    assert [compilation.compile_pays(wanted, 1) for wanted in (True, False)] == [True, False]
    assert not compilation.compile_pays(False, long)


def test_cuda_graphs_on_gpus_only():
    assert compilation.compile_mode(torch.device("cuda", 1)) == "reduce-overhead"
    assert compilation.compile_mode(torch.device("cpu")) == "default"
