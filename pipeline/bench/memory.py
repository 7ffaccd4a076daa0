"""The most memory that a piece of work holds at one time."""
# Tested in tests/test_bench.py.

from __future__ import annotations

import itertools
from collections.abc import Callable


def peak_megabytes(work: Callable[[], object]) -> float:
    """Peak of the memory that `work` allocates, above what was held before, in MB of 10^6 bytes.

    By torch's allocator on a GPU, by the profiler's record of allocations on a CPU.

    Args:
        work: is called twice, and measured the second time: gradients and caches are there then.
    """
    import torch

    work()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    return _peak_of_profile(work) / 1e6


def _peak_of_profile(work: Callable[[], object]) -> int:
    """Bytes, on a CPU."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        work()
    # The public tables have sums an operator only, not their course over time.
    events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
    return max(itertools.accumulate(e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())))
