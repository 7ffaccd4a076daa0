"""A whole table with made-up accuracies, whose ranks and optima are known without looking."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

ACCURACIES = [
    f"{name}_{part}" for name in ("cifar10", "cifar100", "imagenet16") for part in ("valid", "test")
]
OPERATIONS = ["avg_pool_3x3", "none", "nor_conv_1x1", "nor_conv_3x3", "skip_connect"]


def toy_frame() -> pd.DataFrame:
    """All 15,625 architectures; accuracy = index / 200 percent, in `cifar10_test` reversed."""
    edges = itertools.product(OPERATIONS, repeat=6)
    archs = ["|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*edge) for edge in edges]
    index = np.arange(len(archs))
    columns = dict.fromkeys(ACCURACIES, index / 200)
    columns["cifar10_test"] = index[::-1] / 200
    return pd.DataFrame({"index": index, "arch": archs, **columns})


def write_toy_table(path: Path, frame: pd.DataFrame | None = None) -> Path:
    """Write it (or what became of it) as CSV, gzipped if the name ends so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (toy_frame() if frame is None else frame).to_csv(path, index=False, float_format="%.4f")
    return path


def digits_frame() -> pd.DataFrame:
    """A made-up `nasbench_digits`: accuracy = index / 250 percent, seeds a little apart."""
    frame = toy_frame()[["index", "arch"]]
    for column in ("digits_valid", "digits_test"):
        frame[column] = frame["index"] / 250
        for seed, apart in enumerate((-0.5, 0.5)):
            frame[f"{column}_seed{seed}"] = (frame[column] + apart).clip(0, 100)
    return frame
