"""What the benchmarks count, against sizes that are known."""

from __future__ import annotations

import pytest
import torch

from pipeline import devices
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
