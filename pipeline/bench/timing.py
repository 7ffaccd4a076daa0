"""Times two ways of doing the same thing in turns."""
# Tested in tests/test_bench.py.

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile


def compare(
    name: str, baseline: Callable[[], object], ours: Callable[[], object], repeats: int
) -> dict[str, Any]:
    """Time two functions in alternating calls; return medians in seconds over `repeats` calls.

    The first calls, which may fill caches or compile, are reported separately as `*_first_s`.
    `*_cpu_s` are CPU seconds, summed over threads. Other programs affect them less than wall times.
    """
    first = [seconds(baseline), seconds(ours)]
    times: tuple[list[float], list[float]] = ([], [])
    busy: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats):
        # The order alternates, so that neither side always profits from the other side's caches.
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


def convolution_share(work: Callable[[], object]) -> float:
    """The share of a call's CPU time spent in convolutions and their gradients."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        work()
    spent = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    return sum(spent[key] for key in spent if "convolution" in key) / sum(spent.values())


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call, including the device's queue."""
    _finish()
    started = time.perf_counter()
    work()
    _finish()
    return time.perf_counter() - started


def work_seconds(work: Callable[[], object]) -> float:
    """Seconds of a call: wall time with a GPU, else CPU time, which other programs affect less."""
    if torch.cuda.is_available():
        return seconds(work)
    started = time.process_time()
    work()
    return time.process_time() - started


def _finish() -> None:
    """Wait for a GPU, because its kernels run after the call returns."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
