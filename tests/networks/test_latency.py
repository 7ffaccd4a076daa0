"""Times of networks on this machine: what must hold of them anywhere."""

from __future__ import annotations

import json

import pytest
import torch

from pipeline.errors import InputError
from pipeline.networks import build, resolve
from pipeline.networks.latency import fit_latency, latencies

CPU = torch.device("cpu")
CELL = "darts_v2"


def test_both_runtimes_answer_one_image_sooner_than_32():
    network = build(CELL, "cifar10", classes=2, channels=8, cells=3)
    rows = [*latencies(network, 32, CPU)]
    assert [(row["runtime"], row["batch"]) for row in rows] == [
        ("torch", 1), ("torch", 32), ("onnxruntime", 1), ("onnxruntime", 32),
    ]  # fmt: skip
    for one, many in (rows[:2], rows[2:]):
        assert 0 < one["ms"] < many["ms"]
        assert many["images_per_second"] == pytest.approx(32_000 / many["ms"], rel=0.01)
    assert json.dumps(rows)


def test_a_budget_in_milliseconds_is_filled_or_refused(monkeypatch):
    times = {width: 0.1 * width for width in range(4, 400, 4)}
    monkeypatch.setattr(
        "pipeline.networks.latency._time_torch", lambda network, _: times[network.channels]
    )
    given = (resolve(CELL), "cifar10", 2, 3, 8)
    assert fit_latency(*given, 2.5, CPU) == (24, pytest.approx(2.4))
    with pytest.raises(InputError, match=r"--max-ms 0.1: 4 channels and 3 cells take 0.4 ms"):
        fit_latency(*given, 0.1, CPU)
