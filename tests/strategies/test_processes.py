"""Two processes of torch.distributed (gloo) search together and get the numbers of one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from numpy.testing import assert_array_equal

from pipeline import registry
from pipeline.config.jobs import SearchJob
from pipeline.config.recipes import SearchSettings
from pipeline.errors import InputError
from pipeline.stages.search import check_processes
from pipeline.strategies.value_function import ValueFunction, ValueSettings, shapley_values
from pipeline.training.distributed import Ranks
from tests.strategies.toys import make_strategy, noisy_images

ESTIMATORS = ("truncated", "regression_adjusted")
# Micro-batches of 4 of 8 images; of the last step's 6 images the second rank has 2.
SEARCHES: dict[str, dict[str, Any]] = {
    "shapley": {"permutations": 2, "value_images": 8},
    "darts": {},
    "snas": {},
    "rsps": {"candidates": 2, "value_images": 8},
}
N_IMAGES = 22


def play(estimator: str, ranks: Ranks) -> dict[str, Any]:
    torch.set_num_threads(1)
    supernet = make_strategy("shapley", "nasbench201", {}).supernet
    settings = ValueSettings(
        estimator=estimator, permutations=4, value_images=8, value="soft_accuracy"
    )
    V = ValueFunction(supernet, torch.zeros(30), noisy_images(64), settings, seed=1)
    found = shapley_values(V, settings, 2, processes=ranks)
    return {
        "phi": found.phi,
        "standard_error": found.standard_error,
        "evaluations": found.evaluations,
        "images_forward": V.images_forward,
    }


def search(name: str, ranks: Ranks, start: dict[str, Any] | None = None) -> dict[str, Any]:
    """The last of three epochs after two of its own, or after a state that others left."""
    torch.set_num_threads(1)
    strategy = make_strategy(name, "nasbench201", SEARCHES[name], micro_batch_size=4)
    strategy.ranks = ranks
    train, valid = noisy_images(N_IMAGES), noisy_images(N_IMAGES, seed=1)
    if start:
        strategy.load_state_dict(start["state"])
    for epoch in (2,) if start else range(3):
        before = copy.deepcopy(strategy.state_dict())
        metrics = strategy.epoch(epoch, train, valid)
    weights = {name: value.detach() for name, value in strategy.supernet.named_parameters()}
    return {"state": before, "metrics": metrics, "weights": weights, "alpha": strategy.alpha()}


def process(rank: int, size: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    for estimator in ESTIMATORS:
        np.savez(f"{folder}/{estimator}_{rank}.npz", **play(estimator, Ranks(rank, size)))
    for name in SEARCHES:
        torch.save(search(name, Ranks(rank, size)), f"{folder}/{name}_{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with what each of two processes found."""
    if not dist.is_gloo_available():
        pytest.skip("torch without gloo")
    folder = tmp_path_factory.mktemp("two")
    mp.spawn(process, args=(2, str(folder)), nprocs=2)
    return folder


def test_shapley_values_of_two_processes_have_the_bits_of_one(two: Path) -> None:
    for estimator in ESTIMATORS:
        alone = play(estimator, Ranks())
        images = 0
        for rank in range(2):
            with np.load(two / f"{estimator}_{rank}.npz") as found:
                for key in ("phi", "standard_error", "evaluations"):
                    assert_array_equal(found[key], alone[key])
                assert found["images_forward"] < 0.8 * alone["images_forward"]
                images += int(found["images_forward"])
        assert images == alone["images_forward"]


@pytest.mark.parametrize("name", SEARCHES)
def test_two_processes_search_as_one(name: str, two: Path) -> None:
    alone = search(name, Ranks())
    first, second = (torch.load(two / f"{name}_{rank}.pt", weights_only=False) for rank in (0, 1))
    assert_array_equal(first["alpha"], second["alpha"])
    for key, weight in alone["weights"].items():
        assert torch.equal(first["weights"][key], second["weights"][key])
        torch.testing.assert_close(weight, first["weights"][key], rtol=1e-3, atol=1e-5, msg=key)
    np.testing.assert_allclose(first["alpha"], alone["alpha"], atol=1e-3)
    for key in ("images_forward", "images_backward"):
        assert first["metrics"][key] == second["metrics"][key]
    if name != "shapley":  # whose truncation may differ in a coalition
        assert first["metrics"]["images_forward"] == alone["metrics"]["images_forward"]
    assert first["metrics"]["train_loss"] == pytest.approx(alone["metrics"]["train_loss"], rel=1e-4)


@pytest.mark.parametrize("name", SEARCHES)
def test_one_process_goes_on_from_what_two_left(name: str, two: Path) -> None:
    together = torch.load(two / f"{name}_0.pt", weights_only=False)
    alone = search(name, Ranks(), start=together)
    for key, weight in alone["weights"].items():
        torch.testing.assert_close(weight, together["weights"][key], rtol=1e-3, atol=1e-5, msg=key)
    np.testing.assert_allclose(alone["alpha"], together["alpha"], atol=1e-3)


def test_what_cannot_be_shared_is_refused_in_a_line() -> None:
    def job(algorithm: str, **search: Any) -> SearchJob:
        settings = registry.entry("strategies", algorithm).settings_model()().model_dump()
        recipe = SearchSettings(batch_size=64, **search)
        return SearchJob(space="darts", algorithm=algorithm, settings=settings, search=recipe)

    check_processes(job("shapley", micro_batch_size=32), 2)
    check_processes(job("sdarts_adv"), 1)
    with pytest.raises(InputError, match="sdarts_adv searches in one process only: its attack"):
        check_processes(job("sdarts_adv", micro_batch_size=32), 2)
    with pytest.raises(InputError, match="random searches in one process only: it trains no"):
        check_processes(job("random"), 2)
    with pytest.raises(InputError, match=r"micro_batch_size: 1 micro-batches .* set it to 32"):
        check_processes(job("shapley"), 2)
