"""Chooses the width and depth of a network within limits on multiply-adds and parameters.

This method is ours; the papers choose both by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipeline.errors import InputError
from pipeline.networks.count import profile_genotype
from pipeline.spaces.genotype import Genotype

# With fewer than three cells the two reductions coincide.
FEWEST_CELLS, FEWEST_CHANNELS = 3, 4


def fit(
    genotype: Genotype | str | Path,
    layout: str,
    classes: int,
    channels: int,
    cells: int,
    image_size: int,
    max_macs: int | None = None,
    max_params: int | None = None,
    key: str = "retrain",
) -> tuple[int, int]:
    """The numbers of channels and cells of a network that is as large as the limits allow.

    Cells are removed one by one, and channels are reduced in proportion, until the network fits.
    Then channels are added in steps of 4 while it still fits, even beyond the given `channels`.
    `max_macs` limits the multiply-adds for one image. `max_params` limits the parameters without
    the auxiliary head. `key` names the recipe in error messages.

    Raises:
        InputError: the smallest network exceeds the limits.
    """

    def fits(width: int, depth: int) -> bool:
        counts = profile_genotype(genotype, layout, classes, width, depth, image_size)
        macs, params = max_macs or counts["macs"], max_params or counts["params"]
        return counts["macs"] <= macs and counts["params"] <= params

    if max_macs is None and max_params is None:
        return channels, cells
    fewest = 1 if layout == "nasbench201" else min(FEWEST_CELLS, cells)
    for depth in range(cells, fewest - 1, -1):
        least = min(channels, max(FEWEST_CHANNELS, channels * depth // cells // 4 * 4))
        if fits(least, depth):
            return widest(partial(fits, depth=depth), least), depth
    # Only the width can shrink further.
    for width in range(min(channels, least), FEWEST_CHANNELS - 1, -4):
        if fits(width, fewest):
            return width, fewest
    smallest = profile_genotype(genotype, layout, classes, FEWEST_CHANNELS, fewest, image_size)
    raise InputError(
        f"{key}: max_macs {max_macs}, max_params {max_params}: the smallest network "
        f"({FEWEST_CHANNELS} channels, {fewest} cells) has {smallest['macs']:,} multiply-adds at "
        f"{image_size} pixels and {smallest['params']:,} parameters; raise them, or lower "
        "image_size"
    )


def widest(fits: Callable[[int], bool], least: int) -> int:
    """The largest width that fits, in steps of 4 from `least`, which fits."""
    low, high = 0, 1  # in steps: `low` fits, `high` may not
    while fits(least + 4 * high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(least + 4 * middle) else (low, middle)
    return least + 4 * low
