"""Checks a GPU in a few minutes: tests, speeds at the paper's sizes, and a NAS-Bench-201 search.

The images are noise, so no data set is needed. If a part fails or is skipped, its row in the result
gives the reason. From the speeds, the verb `plan` computes run times.
"""
# Tested in tests/test_gpu.py.

from __future__ import annotations

import datetime
import importlib.util
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch

from pipeline import devices, files, provenance, registry
from pipeline.analysis import cost, work
from pipeline.bench import supernet as supernets
from pipeline.bench import train as trainings
from pipeline.bench.strategies import noise
from pipeline.bench.timing import seconds
from pipeline.config.recipes import NasBench201Search, SupernetSettings, TrainSettings
from pipeline.errors import InputError, explain
from pipeline.supernet import build_supernet

Row = dict[str, Any]
# Space -> supernet shape, images per step, pixels; the tiny sizes are a few images of 8 pixels.
SUPERNETS: dict[str, tuple[dict[str, Any], int, int]] = {
    "darts": ({"cells": 8, "partial_channels": 4}, 256, 32),
    "darts_imagenet": ({"cells": 8, "partial_channels": 4}, 256, 224),
    "nasbench201": ({"cells": 5, "partial_channels": 1, "include_none": True}, 256, 32),
}
FORMS: dict[str, dict[str, Any]] = {
    "one module per operation": {"fused": False, "channels_last": False},
    "fused": {},
    "fused, bfloat16": {"precision": "bfloat16"},
    "fused, compiled": {"compile": True},
}
PRECISIONS = ("float32", "bfloat16")
TESTS_SHARE, SPEEDS_SHARE = 0.3, 0.75  # shares of the time at which tests and speeds end
TURNS = 5


def check(minutes: float = 8, tests: bool = True, tiny: bool = False) -> tuple[Row, list[Row]]:
    """Run all parts; return a measurement, as in `docs/measurements`, and the device's speeds.

    Args:
        minutes: time for all parts. The tests end after at most 30 % of it, and no speed
            measurement starts after 75 %. The search always runs at least one epoch.
        tests: whether to run the tests marked `gpu`.
        tiny: whether to use the smallest sizes, on any device.

    Raises:
        InputError: there is no GPU, and `tiny` is not set.
    """
    device = devices.resolve("auto")
    if device.type != "cuda" and not tiny:
        raise InputError("gpu-check: torch sees no GPU here; --tiny runs a small form on the CPU")
    started = time.monotonic()

    def left(share: float = 1.0) -> float:
        return 60 * minutes * share - (time.monotonic() - started)

    rows = [run_tests(left(TESTS_SHARE)) if tests else skipped("tests marked gpu", "not asked for")]
    for name, work_of in speeds(device, tiny):
        rows.append(attempt(name, work_of) if left(SPEEDS_SHARE) > 0 else skipped(name, "no time"))
    rows.append(attempt("search of NAS-Bench-201", lambda: search(device, tiny, left)))
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU, tiny"
    return measurement(rows, name, minutes), rates_of(rows, name)


def run_tests(limit: float) -> Row:
    """Run the tests marked `gpu` in a separate process."""
    name = "tests marked gpu"
    if importlib.util.find_spec("pytest") is None or not Path("tests").is_dir():
        return skipped(name, "no pytest, or not in the repository")
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/test_gpu.py"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return skipped(name, f"not done in {limit:.0f} s")
    return {"name": name, "outcome": (done.stdout.strip().splitlines() or ["no output"])[-1]}


def skipped(name: str, reason: str) -> Row:
    """The row of a part that was not measured."""
    return {"name": name, "outcome": f"skipped: {reason}"}


def attempt(name: str, part: Callable[[], Row]) -> Row:
    """The row of a part; if the part fails, the row gives the reason."""
    try:
        return {"name": name, "outcome": "measured", **part()}
    except (RuntimeError, MemoryError) as error:
        return skipped(name, explain(error) or str(error).partition("\n")[0])


def speeds(device: torch.device, tiny: bool) -> Iterator[tuple[str, Callable[[], Row]]]:
    """The name of each speed, and the function that measures it."""
    for space, (shape, batch, side) in SUPERNETS.items():
        shape, batch, side = ({**shape, "channels": 4, "cells": 2}, 2, 8) if tiny else (
            {**shape, "channels": 16}, batch, side
        )  # fmt: skip
        if tiny and space == "darts_imagenet":
            side = 32  # its stem divides the side by eight
        images = torch.randn(batch, 3, side, side, device=device)
        for form, changes in FORMS.items():
            if "compile" in changes and (tiny or space != "nasbench201"):
                continue
            settings = SupernetSettings(**{**shape, **changes})
            for step in ("training step", "forward pass"):
                name = f"{space}: {step}, {form}"
                yield name, lambda a=(space, settings, images, step): supernet_speed(*a)  # type: ignore[misc]
    for layout, precision in itertools.product(trainings.SIZES, PRECISIONS):
        if not tiny:
            name = f"network, {layout}: training step, {precision}"
            yield name, lambda a=(layout, precision, device): training_speed(*a)  # type: ignore[misc]


def supernet_speed(space: str, settings: SupernetSettings, images: Any, step: str) -> Row:
    """Seconds and operations of one step of a supernet."""
    made = registry.get("spaces", space)(settings)
    net = build_supernet(made, settings, 10, 0).to(images.device)
    everyone = torch.ones(made.n_players, dtype=torch.bool)
    with devices.autocast(images.device, settings.precision):
        passes, once = (
            (work.PASSES, supernets.training(net, images))
            if step == "training step"
            else (1, supernets.forward(net, images, everyone, "batch"))
        )
        taken = timed(once)
    macs = work.supernet_macs(space, settings, images.shape[-1])
    kind = space if space.endswith("imagenet") else made.family
    operations = 2.0 * macs * passes * len(images)
    return {"network": kind, "batch_size": len(images), "operations": operations, **taken}


def training_speed(layout: str, precision: Any, device: torch.device) -> Row:
    """Seconds and operations of one training step of a published network."""
    recipe = TrainSettings(precision=precision)
    batch = {"cifar10": 96, "imagenet": 128}[layout]
    taken = timed(trainings.step(layout, recipe, device, batch_size=batch))
    operations = 2.0 * work.PASSES * work.REFERENCES[layout][0] * batch
    return {"network": "network", "batch_size": batch, "operations": operations, **taken}


def timed(once: Callable[[], object]) -> Row:
    """Median seconds after a first call, and the peak memory."""
    on_gpu = torch.cuda.is_available()
    first = seconds(once)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    found = median(seconds(once) for _ in range(TURNS))
    peak = torch.cuda.max_memory_allocated() / 1e6 if on_gpu else None
    return {"seconds": found, "first_seconds": first, "peak_mb": peak}


def search(device: torch.device, tiny: bool, left: Callable[[], float]) -> Row:
    """Run Shapley-NAS on noise at the paper's sizes, for as many epochs as time allows."""
    shape = {"cells": 1, "channels": 4} if tiny else {}
    recipe = NasBench201Search(warmup_epochs=0, epochs=50, batch_size=256, supernet=shape)
    entry = registry.entry("strategies", "shapley")
    space = registry.get("spaces", "nasbench201")(recipe.supernet)
    supernet = build_supernet(space, recipe.supernet, 10, 0).to(device)
    few = {"permutations": 1, "value_images": 4} if tiny else {}
    strategy = entry.load()(space, supernet, entry.settings_model()(**few), recipe, 0, device)
    images = noise(0, 8 if tiny else 25_000, 8 if tiny else 32, device)
    taken: list[float] = []
    for epoch in range(1 if tiny else recipe.epochs):
        taken.append(seconds(lambda e=epoch: strategy.epoch(e, images, images)))  # type: ignore[misc]
        if left() < 1.2 * max(taken):
            break
    return {"epochs": len(taken), "seconds": median(taken), "first_seconds": taken[0]}


def rates_of(rows: list[Row], device: str) -> list[Row]:
    """Rows of `rates.json`, from the default forms of searches and trainings."""
    source = f"python -m pipeline gpu-check, {datetime.date.today()}"
    keys = ("network", "operations", "seconds")
    return [
        {"device": device, "run": row["name"], **{key: row[key] for key in keys}, "source": source}
        for row in rows
        if "operations" in row and row["name"].endswith((", fused", ", float32"))
    ]


def keep(rates: list[Row], path: Path = cost.RATES) -> None:
    """Write rates to the file, replacing those of the same device."""
    gone = {row["device"] for row in rates}
    files.write_json(path, [r for r in files.read_json(path) if r["device"] not in gone] + rates)


def measurement(rows: list[Row], device: str, minutes: float) -> Row:
    """The measurement, in the form of `docs/measurements`."""
    made = provenance.code()
    return {
        "title": f"A GPU: {device}",
        "question": "What do tests, steps of training and a search take on this GPU?",
        "command": f"python -m pipeline gpu-check --minutes {minutes:g}",
        "commit": made["git_commit"] or "none",
        "machine": f"{device}, torch {torch.__version__}",
        "date": str(datetime.date.today()),
        "seeds": [0],
        "columns": {
            "name": "Part",
            "outcome": "Outcome",
            "batch_size": "Batch",
            "seconds": "Seconds (median)",
            "first_seconds": "First (s)",
            "peak_mb": "Peak (MB)",
            "epochs": "Epochs",
        },
        "rows": rows,
        "notes": ["Images are noise on the device: nothing is decoded."],
        "does_not_show": ["Accuracy."],
    }
