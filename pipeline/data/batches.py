"""Splits a pass over images into batches of at least two images.

Batch norm cannot compute statistics of a single image whose feature map is one pixel.
"""
# Tested in tests/data/test_small.py.

from __future__ import annotations

from torch import Tensor


def n_parts(n: int, size: int, drop_last: bool = False) -> int:
    """Number of batches of a pass over `n` images."""
    whole, rest = divmod(n, size)
    return whole if drop_last else whole + (rest > 1 or (rest == 1 and whole == 0))


def parts(items: Tensor, size: int, drop_last: bool = False) -> list[Tensor]:
    """Split items into batches of `size` along the first axis.

    If two or more items remain after the last full batch, they form a smaller batch. A single
    remaining item is added to the last full batch. `drop_last` leaves the remaining items out.
    """
    n = n_parts(len(items), size, drop_last)
    if n == 0:
        return []
    end = n * size if drop_last else len(items)
    return [*items[: (n - 1) * size].split(size), items[(n - 1) * size : end]][-n:]
