"""Images for benchmarks: CIFAR-10 if it is in `$SHAPLEY_NAS_DATA` (default `data`), else digits."""
# Tested in tests/test_bench.py.

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pipeline.data import Images, open_images
from pipeline.data.cifar import FOLDER10
from pipeline.data.spec import read_manifest


def source() -> tuple[str, Path]:
    """The data set and its root."""
    root = Path(os.environ.get("SHAPLEY_NAS_DATA", "data"))
    return "cifar10" if (root / FOLDER10).is_dir() else "digits", root


def half(root: Path, folder: Path, part: Literal["weights", "value"]) -> Images:
    """One half of the training set, from the files that `prepare` wrote to `folder`."""
    return open_images(read_manifest(folder / "manifest.json"), root, part, folder / "split.npz")
