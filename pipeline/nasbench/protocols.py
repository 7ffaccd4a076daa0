"""The meaning of each column of the table: data, epochs, split, and the number of trials.

The benchmark trains every cell for 200 epochs, and again for 12 epochs (suffix `_12ep`). All
accuracies are top-1 in percent.
"""
# Tested in tests/nasbench/test_digits.py.

from __future__ import annotations

import re
from collections.abc import Collection
from math import inf
from sys import float_info

from pipeline.registry.tables import DIGITS, SETS

ACCURACIES = tuple(f"{name}_{part}" for name in SETS for part in ("valid", "test"))
# Columns of our separate table `nasbench_digits`.
DIGITS_ACCURACIES = (f"{DIGITS}_valid", f"{DIGITS}_test")
DIGITS_EPOCHS = 4
# Minimum and maximum of an accuracy, and of parameters, multiply-adds and latency.
PERCENT, SIZES = (0.0, 100.0), (float_info.min, inf)
# The block of ResNet as a cell, official index 11472.
RESNET_CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"


def accuracies_of(columns: Collection[str]) -> tuple[str, ...]:
    """The accuracy columns by which cells are ranked; empty if `columns` lacks one of them."""
    kinds = (ACCURACIES, DIGITS_ACCURACIES)
    return next((kind for kind in kinds if set(kind) <= set(columns)), ())


def limits_of(column: str) -> tuple[float, float] | None:
    """The smallest and largest valid value of a column; None for an unknown column."""
    if protocol(column):
        return PERCENT
    return SIZES if re.search(r"_(params|flops)_m$|latency_ms", column) else None


def protocol(column: str) -> str | None:
    """Data set, epochs, images and trials of an accuracy column; None for any other column."""
    head, _, seed = column.partition("_seed")
    name, _, part = head.partition("_")
    if head in DIGITS_ACCURACIES:
        trials = f"the training with seed {seed}" if seed else "the mean over its seeds"
        measured_on = {"valid": "its other half", "test": "the test set"}[part]
        return _described("digits", DIGITS_EPOCHS, HALF, measured_on, trials)
    short = part.endswith("_12ep")
    part = part.removesuffix("_12ep").removesuffix("_nats")
    split = SPLITS.get((name if name == "cifar10" else "", part))
    if name not in SETS or split is None:
        return None
    several = "the mean of 1 or 2 trials" if short else "the mean of 1 to 3 trials"
    trials = f"the trial with seed {seed}" if seed else several
    return _described(SETS[name], 12 if short else 200, *split, trials)


def _described(data: str, epochs: int, trained_on: str, measured_on: str, trials: str) -> str:
    return f"{data}, {epochs} epochs on {trained_on}, accuracy (%) on {measured_on}, {trials}"


HALF = "half of the training set"
SPLITS = {
    # (data set, part) -> (training images, evaluated images); "" is any other data set
    ("cifar10", "valid"): (HALF, "its other half"),
    ("cifar10", "test"): ("the training set", "the test set"),
    ("cifar10", "test_trainonly"): (HALF, "the test set"),
    ("cifar10", "train"): (HALF, "the images it trained on"),
    ("", "valid"): ("the training set", "half of the test set"),
    ("", "test"): ("the training set", "the other half of the test set"),
    ("", "train"): ("the training set", "the images it trained on"),
}
