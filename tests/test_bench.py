"""What the benchmarks count, against sizes that are known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline import bench, devices
from pipeline.bench import search, timing, update
from pipeline.bench.memory import peak_megabytes

MEGABYTE = 250_000  # numbers
DEVICE = devices.resolve("auto")


@pytest.mark.skipif(
    torch.cuda.is_available(), reason="tensors of the CPU: none of the GPU's memory"
)
def test_peak_is_what_is_held_at_once() -> None:
    def work() -> None:
        first, second = (
            torch.empty(4 * MEGABYTE, device=DEVICE),
            torch.empty(4 * MEGABYTE, device=DEVICE),
        )
        del first
        third = torch.empty(2 * MEGABYTE, device=DEVICE)
        del second, third

    assert peak_megabytes(work) == pytest.approx(8, abs=0.01)


@pytest.mark.skipif(
    torch.cuda.is_available(), reason="tensors of the CPU: none of the GPU's memory"
)
def test_peak_counts_what_waits_for_the_backward_pass() -> None:
    x = torch.ones(MEGABYTE, device=DEVICE, requires_grad=True)

    def work() -> None:
        y = x
        for _ in range(10):
            y = y.exp()  # keeps its output
        y.sum().backward()

    assert 10 <= peak_megabytes(work) < 14


def test_the_share_of_convolutions_is_that_of_the_work() -> None:
    x, weight = torch.ones(8, 16, 32, 32), torch.ones(16, 16, 3, 3)
    assert timing.convolution_share(lambda: torch.conv2d(x, weight)) > 0.5
    assert timing.convolution_share(lambda: [x.exp() for _ in range(10)]) == 0


def test_every_benchmark_has_its_name() -> None:
    folder = Path(bench.__file__).parent
    files = [f.stem for f in folder.glob("[!_]*.py") if "\ndef rows(" in f.read_text("utf-8")]
    assert sorted(files) == sorted(bench.NAMES)


def test_ranks_are_timed_on_the_same_work() -> None:
    # Two threads wait for each other where others use the cores; a test has no time for that.
    forms = {form: how for form, how in search.FORMS.items() if how[1] == 1}
    found = search.rows(1, forms, n_images=16, batch=8, size=8, channels=4, value_images=4)
    assert len(found) == 2 * len(forms)
    first = found[0]
    assert first["name"] == "epoch of weights: one process, one thread"
    assert first["ratio"] == 1.0
    assert all(row["ours_s"] > 0 for row in found)


def test_an_update_counts_the_images_of_ten_permutations(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("SHAPLEY_NAS_DATA", str(tmp_path))  # the digits
    sizes = {"channels": 4, "cells": 3}
    (row,) = update.rows(1, (1,), sizes, n_train=64, n_timed=64, n_value=4)
    # Truncation stops a permutation of 196 players earlier; V(N) is evaluated once for each.
    assert 20 <= row["evaluations"] <= 10 * 197
    assert row["image_forwards"] == 4 * row["evaluations"]
    assert row["images_at_par"] == round(4 * row["baseline_s"] / row["ours_s"])
