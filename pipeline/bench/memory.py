"""The peak memory of a piece of work."""
# Tested in tests/test_bench.py.

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile


def peak_megabytes(work: Callable[[], object]) -> float:
    """Peak of the memory that `work` allocates, in MB (10^6 bytes).

    Earlier allocations do not count. `work` is called twice, and the second call is measured,
    because gradients and caches exist by then.
    """
    work()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    return _peak_of_profile(work) / 1e6


def _peak_of_profile(work: Callable[[], object]) -> int:
    """The peak in bytes, on a CPU."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        work()
    # The profiler's public tables have only sums per operator, not the memory over time.
    events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
    return max(itertools.accumulate(e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())))
