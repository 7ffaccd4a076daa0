"""Times two ways of doing the same thing in turns."""
# Tested in tests/test_bench.py.

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any


def compare(
    name: str, baseline: Callable[[], object], ours: Callable[[], object], repeats: int
) -> dict[str, Any]:
    """One row: medians in seconds over `repeats` turns, after one turn that is not counted.

    The first call of each side (caches, compilation) is reported separately as `*_first_s`.
    `*_cpu_s` are the CPU seconds of the process over all its threads. They are more reliable than
    wall time if other programs use the cores.
    """
    first = [seconds(baseline), seconds(ours)]
    times: tuple[list[float], list[float]] = ([], [])
    busy: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats):
        # The order alternates, so that neither side always uses caches that the other filled.
        for side in (0, 1) if turn % 2 == 0 else (1, 0):
            started = time.process_time()
            times[side].append(seconds((baseline, ours)[side]))
            busy[side].append(time.process_time() - started)
    before, after = median(times[0]), median(times[1])
    busy_before, busy_after = median(busy[0]), median(busy[1])
    return {
        "name": name,
        "baseline_s": before,
        "ours_s": after,
        "ratio": before / after,
        "repeats": repeats,
        "baseline_first_s": first[0],
        "ours_first_s": first[1],
        "baseline_cpu_s": busy_before,
        "ours_cpu_s": busy_after,
        "cpu_ratio": busy_before / busy_after,
    }


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call, including the device's queue."""
    _finish()
    started = time.perf_counter()
    work()
    _finish()
    return time.perf_counter() - started


def _finish() -> None:
    """Wait for a GPU, because its kernels run after the call returns."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
