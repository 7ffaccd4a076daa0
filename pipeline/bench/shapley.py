"""Compares estimators of Shapley values on a small NAS-Bench-201 supernet, trained briefly.

The baseline is the paper's estimator without truncation: 10 permutations on 1,024 images each. The
reference is the mean over two walks of 40 whole permutations each, on other images. A row has the
cost of an estimator and its agreement with the reference (Kendall's tau, Pearson's r).
`ceiling_tau` and `ceiling_r` are the agreement of the two walks. `reaching.py` makes the columns
`default_*`. The images are CIFAR-10 at 16 x 16 pixels if the folder in the environment variable
SHAPLEY_NAS_DATA has it, and scikit-learn's digits otherwise. `config/studies/estimators.yaml` sets
the sizes (`sizes: bench`).
"""
# Tested in tests/test_bench.py.

from __future__ import annotations

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from pipeline import files, machine, paths
from pipeline.bench import reaching
from pipeline.bench.images import half, source
from pipeline.bench.supernet import READABLE, forward
from pipeline.bench.timing import compare
from pipeline.config import studies
from pipeline.config.layers import merge
from pipeline.config.studies import Study
from pipeline.data import Images, find, prepare
from pipeline.devices import configure
from pipeline.stages.search import make_strategy
from pipeline.studies import estimators, walks
from pipeline.studies.agreement import MEASURES, interval, with_reference
from pipeline.studies.estimates import estimate
from pipeline.supernet import saved


@dataclass(frozen=True)
class Bench:
    """A study of one supernet; `folder` holds its files."""

    study: Study
    root: Path
    folder: Path

    @property
    def supernet(self) -> str:
        """The supernet's name in the study."""
        return next(iter(self.study.supernets()))

    def images(self, part: Any) -> Images:
        """One half of the training set."""
        return half(self.root, self.folder, part)


def rows(
    repeats: int = 5, study: Study | None = None, workers: int | None = None
) -> list[dict[str, Any]]:
    """One row for each estimator, from `repeats` runs on a newly trained supernet.

    Args:
        repeats: runs of each estimator.
        study: a study of one supernet, with two walks.
        workers: number of processes; None: one per CPU.
    """
    study = study or studies.load("estimators", "bench")
    dataset, root = source()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(_sized(study, dataset, repeats), root, Path(folder))
        prepare(find(bench.study.dataset), root, folder, split_seed=0)
        train(bench)
        steps = (*bench.study.walks, *bench.study.draws())
        workers = workers or machine.n_cpus()
        if workers == 1:
            for name in steps:
                measure(bench, name)
        else:
            spawn = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
                list(pool.map(partial(measure, bench), steps))
        return _rows(bench)


def train(bench: Bench) -> None:
    """Train the supernet, without the images of the reference."""
    study = bench.study
    job = studies.supernet_job(study, bench.supernet)
    weights = bench.images("weights")
    images = weights.take(job.search.limit_train)
    # If too few images are left for training alpha, use those of the estimates.
    rest = weights.only(np.arange(images.n, weights.n))
    enough = rest.n >= study.value["value_images"]
    valid = rest if enough else walks.part_of(bench.images("value"), study.estimates.part)
    strategy: Any = make_strategy(job, images.classes, study.seed, torch.device("cpu"))
    for epoch in range(job.search.stop_epoch):
        strategy.epoch(epoch, images, valid)
    saved.save(bench.folder / "supernet.pt", strategy.supernet, strategy.alpha())


def measure(bench: Bench, name: str) -> None:
    """Compute one walk, or one repeat of every estimator."""
    configure(1)
    study = bench.study
    network, alpha = saved.load(bench.folder / "supernet.pt")
    images = bench.images("value")
    if name in study.walks:
        found = walks.walk(studies.walk_job(study, name), network, alpha, images)
        out = bench.folder / study.folder(paths.WALK, supernet=bench.supernet, walk=name)
        with files.replacing(out / "walks.npz") as temporary:
            np.savez(temporary, V=found.V, orders=found.orders)
    else:
        job = studies.estimate_job(study, bench.supernet, name)
        out = bench.folder / study.folder(paths.DRAW, supernet=bench.supernet, draw=name)
        files.write_json(out / "estimates.json", estimate(job, network, alpha, images))


def _sized(study: Study, dataset: str, repeats: int) -> Study:
    """The study with `repeats` repeats, on this data set; digits are not resized."""
    search = (
        study.search
        if dataset == "cifar10"
        else merge(study.search, {"supernet": {"image_size": 0}})
    )
    streams = tuple(("repeat", repeat) for repeat in range(repeats))
    changes: dict[str, Any] = {
        "dataset": dataset,
        "search": search,
        "estimates": study.estimates.model_copy(update={"streams": streams}),
    }
    return study.model_copy(update=changes)


def _rows(bench: Bench) -> list[dict[str, Any]]:
    reference, ceiling = estimators.references(bench.study, bench.folder, bench.supernet)
    runs = estimators.estimates(bench.study, bench.folder, bench.supernet)
    plain = median(run["seconds"] for run in runs["plain"])
    agreement = {name: _agreement(repeats, reference) for name, repeats in runs.items()}
    taus = {name: agreed["tau"] for name, agreed in agreement.items()}
    reached = reaching.reached(runs, taus, _readable_ratio(bench))
    found = [
        {
            "name": name,
            "baseline_s": plain,
            "ours_s": (seconds := median(run["seconds"] for run in repeats)),
            "ratio": plain / seconds,
            **agreement[name],
            "evaluations": round(np.mean([run["evaluations"] for run in repeats])),
            "image_forwards": round(np.mean([run["image_forwards"] for run in repeats])),
            "ceiling_tau": ceiling["tau"],
            "ceiling_r": ceiling["r"],
            "repeats": len(repeats),
            "dataset": bench.study.dataset,
            **reached.get(name, {}),
        }
        for name, repeats in runs.items()
    ]
    return sorted(found, key=lambda row: row["tau"], reverse=True)


def _readable_ratio(bench: Bench) -> float:
    """Forward time with one module per operation, divided by that of the fused supernet."""
    network, _ = saved.load(bench.folder / "supernet.pt")
    settings = network.settings.model_copy(update=READABLE)
    readable = network.space.supernet(settings, bench.images("value").classes, 0)
    readable.load_state_dict(network.state_dict())
    images, _ = bench.images("value").sample(256, torch.Generator().manual_seed(0))
    everyone = torch.ones(network.space.n_players, dtype=torch.bool)
    plain, ours = (forward(one, images, everyone, "batch") for one in (readable, network))
    return float(compare("forward", plain, ours, repeats=5)["cpu_ratio"])


def _agreement(runs: list[dict[str, Any]], reference: np.ndarray) -> dict[str, Any]:
    """Mean agreement over repeats, with the ends of 95 % t intervals."""
    found = [with_reference(estimators.phi_of(run), reference) for run in runs]
    intervals = (interval(name, (one[name] for one in found)) for name in MEASURES)
    return {key: value for ends in intervals for key, value in ends.items()}
