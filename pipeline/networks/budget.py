"""A network that fits a device: width and depth under a limit of multiply-adds and parameters.

Ours; the papers fix C and the number of cells by hand so that a network stays below 600 M
multiply-adds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.errors import InputError
from pipeline.networks.count import profile_genotype
from pipeline.spaces.genotype import Genotype

# Below three cells the two reductions at one and two thirds of the depth fall together.
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
) -> tuple[int, int]:
    """The largest (channels, cells) within limits, no larger than the given ones.

    Both shrink in proportion, a cell at a time, until a network fits; then the width takes what
    is left, in steps of 4 channels. The limits are multiply-adds of one image and parameters
    without the auxiliary head; the other arguments are those of `build`.

    Raises:
        InputError: the smallest network exceeds the limits.
    """

    def fits(width: int, depth: int) -> bool:
        counts = profile_genotype(genotype, layout, classes, width, depth, image_size)
        macs, params = max_macs or counts["macs"], max_params or counts["params"]
        return counts["macs"] <= macs and counts["params"] <= params

    if fits(channels, cells):
        return channels, cells
    fewest = 1 if layout == "nasbench201" else min(FEWEST_CELLS, cells)
    for depth in range(cells, fewest - 1, -1):
        least = min(channels, max(FEWEST_CHANNELS, channels * depth // cells // 4 * 4))
        if fits(least, depth):
            return _widest(fits, least, channels, depth), depth
    # Only the width is left to shrink.
    for width in range(min(channels, least), FEWEST_CHANNELS - 1, -4):
        if fits(width, fewest):
            return width, fewest
    raise InputError(
        f"train.max_macs {max_macs}, train.max_params {max_params}: even {FEWEST_CHANNELS} "
        f"channels and {fewest} cells exceed them at {image_size} pixels; raise them, or lower "
        "image_size"
    )


def _widest(fits: Callable[[int, int], bool], least: int, most: int, depth: int) -> int:
    """The largest width in steps of 4 from `least` that fits; counts grow with the width."""
    width = least
    while width + 4 <= most and fits(width + 4, depth):
        width += 4
    return width
