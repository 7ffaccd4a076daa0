"""What a GPU must do as a CPU does; without one the same runs on the CPU, as far as it can."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist

from pipeline import compilation, devices, files, registry
from pipeline.analysis import cost, results_page
from pipeline.bench import gpu
from pipeline.bench.strategies import noise
from pipeline.config.recipes import NasBench201Search
from pipeline.errors import InputError, explain
from pipeline.supernet import build_supernet, mixture

pytestmark = pytest.mark.gpu
ON_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if ON_GPU else "cpu")


def supernet(device, **changes):
    shape = NasBench201Search().supernet.model_copy(update={"cells": 1, "channels": 8, **changes})
    return build_supernet(registry.get("spaces", "nasbench201")(shape), shape, 10, 0).to(device)


def logits(net, precision="float32"):
    device = next(net.parameters()).device
    images = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(0)).to(device)
    weights = mixture(net.space, torch.zeros(net.space.n_players)).to(device)
    with torch.no_grad(), devices.autocast(device, precision):
        return net.train()(images, weights).float().cpu()


@pytest.fixture
def deterministic():
    threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    cudnn = torch.backends.cudnn
    flags = cudnn.deterministic, cudnn.benchmark
    devices.configure(1, deterministic=True)
    yield
    torch.use_deterministic_algorithms(before)
    torch.set_num_threads(threads)
    cudnn.deterministic, cudnn.benchmark = flags


def test_values_are_those_of_the_readable_supernet_on_the_cpu():
    readable = logits(supernet("cpu", fused=False, channels_last=False))
    torch.testing.assert_close(logits(supernet(DEVICE)), readable, rtol=1e-3, atol=1e-3)


def test_bfloat16_is_near_float32():
    exact, short = logits(supernet(DEVICE)), logits(supernet(DEVICE), "bfloat16")
    assert not torch.equal(exact, short)
    assert (exact - short).abs().max() < 0.1 * exact.abs().max()


def test_the_same_seed_gives_the_same_bits_twice(deterministic):
    def weights():
        recipe = NasBench201Search(
            epochs=2, warmup_epochs=0, batch_size=8, supernet={"cells": 1, "channels": 4}
        )
        entry = registry.entry("strategies", "darts")
        space = registry.get("spaces", "nasbench201")(recipe.supernet)
        net = build_supernet(space, recipe.supernet, 10, 0).to(DEVICE)
        made = entry.load()(space, net, entry.settings_model()(), recipe, 0, DEVICE)
        images = noise(0, 32, 16, DEVICE)
        made.epoch(0, images, images)
        return torch.cat([p.detach().flatten().cpu() for p in net.parameters()])

    assert torch.equal(weights(), weights())


@pytest.mark.skipif(not ON_GPU, reason="compiles to CUDA graphs, which need a GPU")
def test_a_compiled_function_has_the_values_of_the_plain_one():
    def function(x):
        return (x.sin() ** 2).sum(0)

    x = torch.randn(64, 64, device=DEVICE)
    fast = compilation.compiled(function, compilation.compile_mode(DEVICE))
    for _ in range(3):  # the third call replays the graph
        torch.testing.assert_close(fast(x), function(x))


def test_one_rank_sums(tmp_path):
    backend = "nccl" if ON_GPU else "gloo"
    dist.init_process_group(backend, init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        values = torch.arange(3.0, device=DEVICE)
        dist.all_reduce(values)
        assert values.tolist() == [0, 1, 2]
    finally:
        dist.destroy_process_group()


def test_want_of_memory_is_a_line_that_says_what_to_lower():
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**50, dtype=torch.uint8, device=DEVICE)
    assert "lower micro_batch_size" in explain(error.value)


def test_the_check_measures_and_plan_takes_its_speeds(tmp_path):
    found, rates = gpu.check(tests=False, tiny=True)
    outcomes = [row["outcome"] for row in found["rows"]]
    assert outcomes[0] == "skipped: not asked for"
    assert set(outcomes[1:]) == {"measured"}
    files.write_json(tmp_path / "measurements" / "gpu_check.json", found)
    pages = results_page.render(results_page.read(tmp_path / "measurements"))
    assert "search of NAS-Bench-201" in "".join(pages.values())
    path = tmp_path / "rates.json"
    files.write_json(path, files.read_json(cost.RATES))
    gpu.keep(rates, path)
    gpu.keep(rates, path)  # again: in place of the first ones
    known = cost.rates(path)
    device = rates[0]["device"]
    assert {network for name, network in known if name == device} >= {"darts", "nasbench201"}
    row = next(row for row in found["rows"] if row["name"] == "darts: training step, fused")
    same = [r for r in files.read_json(path) if (r["device"], r["run"]) == (device, row["name"])]
    assert len(same) == 1
    assert same[0]["seconds"] == row["seconds"]


def test_what_there_is_no_time_for_is_said():
    found, rates = gpu.check(minutes=0, tests=False, tiny=True)
    assert {row["outcome"] for row in found["rows"][1:-1]} == {"skipped: no time"}
    assert rates == []


@pytest.mark.skipif(ON_GPU, reason="asks for what there is")
def test_without_a_gpu_the_check_says_so():
    with pytest.raises(InputError, match="torch sees no GPU here; --tiny"):
        gpu.check()
