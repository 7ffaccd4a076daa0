"""Search: a strategy runs for some epochs and gives each operation on each edge a strength.

After each epoch the stage saves a checkpoint, from which a killed search resumes.

With `--processes`, torchrun starts several processes that search together. They share the
micro-batches of a step and the permutations of an estimate. Each process repeats all other
computations, and only the first process writes files.
"""
# Tested in tests/test_faults.py.

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline import devices, registry
from pipeline.compilation import compile_pays
from pipeline.config.jobs import SearchJob
from pipeline.config.recipes import SearchSettings
from pipeline.data import Images, open_images
from pipeline.errors import InputError
from pipeline.files import replacing
from pipeline.nasbench import Table, find_table
from pipeline.progress import progress
from pipeline.stages.stage import Stage, stage
from pipeline.strategies.contract import Inputs, Strategy
from pipeline.supernet import build_supernet
from pipeline.training import checkpoint, distributed

Row = dict[str, Any]  # the metrics of one epoch
Record = dict[str, Any]  # its arrays, as tensors
COUNTED = ("seconds", "images_forward", "images_backward", "evaluations")


def run(
    job: SearchJob,
    seed: int,
    manifest: Mapping[str, Any],
    split: Path,
    data_root: Path,
    out: Path,
    device: str = "auto",
    table: Path | None = None,
) -> None:
    """Run a search and write its metrics, its history and `strength.npz`.

    `strength.npz` has the final strengths, and the strengths and alpha after each epoch. A strategy
    that trains a supernet also writes `supernet.pt`. `split` is the file `split.npz`. If `table` is
    None, `find_table` is used.

    Raises:
        InputError: data and settings do not fit together, or a checkpoint has other settings.
    """
    torch_device = devices.resolve(device)
    with distributed.joined(torch_device) as ranks:
        check_processes(job, ranks.n)

        def searched(s: Stage | None) -> tuple[Strategy, list[Row], list[Record]]:
            train, valid = open_halves(job.search, manifest, split, data_root, str(torch_device))
            n_steps = job.search.epochs * train.n_batches(job.search.batch_size)
            strategy = make_strategy(job, manifest["classes"], seed, torch_device, n_steps)
            strategy.ranks = ranks
            file = table or find_table(data_root, manifest["name"], job.table or "")
            strategy.prepare(Inputs(manifest["name"], lambda: Table.load(file) if file else None))
            identity = identity_of(job, seed, manifest)
            return strategy, *run_epochs(s, strategy, train, valid, identity)

        if not ranks.first:
            searched(None)
            return
        with stage("search", out, job, seed, torch_device.type, data=manifest) as s:
            strategy, history, records = searched(s)
            save_strength(out / "strength.npz", strategy, records)
            strategy.save(out)
            s.finish(summary(history, job), history, artifacts=[out / "strength.npz"])


def check_processes(job: SearchJob, n: int) -> None:
    """Check that a search can run in `n` processes.

    Raises:
        InputError: the strategy cannot share its work, or the number of micro-batches per step is
            not a multiple of `n`.
    """
    entry, search = registry.entry("strategies", job.algorithm), job.search
    reason = entry.alone if entry.trains_supernet else "it trains no supernet"
    if n > 1 and reason:
        raise InputError(f"search: {job.algorithm} searches in one process only: {reason}")
    n_parts = -(-search.batch_size // (search.micro_batch_size or search.batch_size))
    if n_parts % n:
        raise InputError(
            f"search.micro_batch_size: {n_parts} micro-batches per step do not divide among "
            f"{n} processes; set it to {search.batch_size // n or 1}"
        )


def run_epochs(
    s: Stage | None, strategy: Strategy, train: Images, valid: Images, identity: Mapping[str, Any]
) -> tuple[list[Row], list[Record]]:
    """Run the epochs of a search that remain after its last checkpoint, if there is one.

    `s` is None on ranks that write nothing. `identity` is everything that can change the results; a
    checkpoint must have the same.

    Returns:
        metrics and arrays of each epoch, also of the epochs before the checkpoint.
    """
    ranks = strategy.ranks
    path = s.state / "search.pt" if s else None
    # Only the first rank reads, because it may rename a damaged file.
    saved = ranks.share(checkpoint.load(path, identity) if path else None)
    history: list[Row] = []
    records: list[Record] = []
    if saved:
        with checkpoint.restoring(path or Path("search.pt")):
            history, records = list(saved["history"]), list(saved["records"])
            strategy.load_state_dict(saved["strategy"])
    if s and saved:
        s.log(f"resumed from epoch {len(history)} of {strategy.n_epochs}")
    for step, row in enumerate(history if s else []):
        s.epoch(row, step)  # type: ignore[union-attr]
    left = range(len(history), strategy.n_epochs)
    for epoch in progress(left, s.run) if s else left:
        started = time.perf_counter()
        metrics = strategy.epoch(epoch, train, valid)
        history.append({"epoch": epoch, **metrics, "seconds": time.perf_counter() - started})
        records.append(as_tensors({**strategy.record(), "strength": strategy.strength()}))
        check_agreement(strategy, epoch)
        if s and path:
            state = {"strategy": strategy.state_dict(), "history": history, "records": records}
            checkpoint.save(path, state, identity)
            s.epoch(history[-1], epoch)
            s.log(f"epoch {epoch + 1}/{strategy.n_epochs}: {brief(history[-1])}")
    return history, records


def check_agreement(strategy: Strategy, epoch: int) -> None:
    """Raise `InputError` on all ranks if their supernets or strengths differ."""
    if strategy.ranks.n > 1:
        strategy.ranks.check_agreement(f"weights after epoch {epoch + 1}", strategy.digest())


def identity_of(job: SearchJob, seed: int, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Seed, data and settings, without `workers`, which cannot change the results."""
    described = job.model_dump(mode="json", exclude={"search": {"workers"}})
    return {"seed": seed, "data": manifest["fingerprint"], **described}


def open_halves(
    search: SearchSettings, manifest: Mapping[str, Any], split: Path, data_root: Path, device: str
) -> tuple[Images, Images]:
    """Images for training the weights (at most `limit_train`), and for the value function."""
    train, valid = (
        open_images(manifest, data_root, part, split, device, search.workers)
        for part in ("weights", "value")
    )
    return (train.take(search.limit_train) if search.limit_train else train), valid


def make_strategy(
    job: SearchJob, classes: int, seed: int, device: Any, n_steps: int = 0
) -> Strategy:
    """Create a strategy on the device, with a supernet if the strategy trains one.

    `n_steps` is the number of training steps; with `compile: auto`, only long searches compile.
    """
    space = registry.get("spaces", job.space)(job.search.supernet)
    entry = registry.entry("strategies", job.algorithm)
    algorithm = entry.load()
    if not entry.supports(space.family):
        families = ", ".join(entry.families)
        raise InputError(
            f"search: {job.algorithm} searches spaces of {families} only, not {job.space!r}"
        )
    settings = entry.settings_model()(**job.settings)
    supernet = None
    if entry.trains_supernet:
        shape = job.search.supernet
        compiled = compile_pays(shape.compile, n_steps)
        if algorithm.differentiates_twice(settings):
            compiled = False
        shape = shape.model_copy(update={"compile": compiled})
        supernet = build_supernet(space, shape, classes, seed).to(device)
    return algorithm(space, supernet, settings, job.search, seed, device)


def as_tensors(record: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Arrays as tensors, since a checkpoint may hold only tensors."""
    return {name: torch.from_numpy(np.array(values)) for name, values in record.items()}


def save_strength(path: Path, strategy: Strategy, records: list[Row]) -> None:
    """Save the final strength [players], and each record stacked over epochs [epochs, players]."""
    names = records[0] if records else {}
    stacked = {f"{name}_history": np.stack([r[name].numpy() for r in records]) for name in names}
    with replacing(path) as temporary:
        np.savez_compressed(temporary, strength=strategy.strength(), **stacked)  # type: ignore[arg-type]


def summary(history: list[Row], job: SearchJob) -> dict[str, Any]:
    """Total costs over the epochs, and the last epoch's other metrics."""
    totals = {key: sum(row.get(key, 0) for row in history) for key in COUNTED}
    last = {key: value for key, value in history[-1].items() if key != "epoch"} if history else {}
    return {"algorithm": job.algorithm, "epochs": len(history), **last, **totals}


def brief(row: Mapping[str, float]) -> str:
    """The metrics of one epoch for the log."""
    return ", ".join(f"{key} {value:.4g}" for key, value in row.items() if key != "epoch")
