"""Two processes of torch.distributed (gloo) share the permutations and get the numbers of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from numpy.testing import assert_array_equal

from pipeline.strategies.value_function import ValueFunction, ValueSettings, shapley_values
from pipeline.training.distributed import Ranks
from tests.strategies.toys import make_strategy, noisy_images

ESTIMATORS = ("truncated", "regression_adjusted")


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


def process(rank: int, size: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    for estimator in ESTIMATORS:
        np.savez(f"{folder}/{estimator}_{rank}.npz", **play(estimator, Ranks(rank, size)))
    dist.destroy_process_group()


@pytest.mark.skipif(not dist.is_gloo_available(), reason="torch without gloo")
def test_two_processes_give_the_numbers_of_one(tmp_path: Path) -> None:
    mp.spawn(process, args=(2, str(tmp_path)), nprocs=2)
    for estimator in ESTIMATORS:
        alone = play(estimator, Ranks())
        images = 0
        for rank in range(2):
            with np.load(tmp_path / f"{estimator}_{rank}.npz") as found:
                for key in ("phi", "standard_error", "evaluations"):
                    assert_array_equal(found[key], alone[key])
                assert found["images_forward"] < 0.8 * alone["images_forward"]
                images += int(found["images_forward"])
        assert images == alone["images_forward"]
