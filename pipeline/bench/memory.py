"""The most memory that a piece of work holds at one time."""

from __future__ import annotations

from collections.abc import Callable


def peak_megabytes(work: Callable[[], object]) -> float:
    """Peak of the memory that `work` allocates, above what was held before, in MB of 10^6 bytes.

    By torch's allocator on a GPU, by the profiler's record of allocations on a CPU.

    Args:
        work: is called once; better not for the first time.
    """
    import torch

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
    results = record.profiler.kineto_results
    changes = [event for event in results.events() if event.name() == "[memory]"]
    held = peak = 0
    for change in sorted(changes, key=lambda event: event.start_ns()):
        held += change.nbytes()
        peak = max(peak, held)
    return peak
