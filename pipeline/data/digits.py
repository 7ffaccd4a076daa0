"""Scikit-learn's handwritten digits: 8x8 pixels, stored with the code, for demos and tests.

The set has no published split. Our test part has 360 of its 1,797 images, drawn by
`train_test_split(test_size=360, random_state=0)`, stratified by class. `digits.npz` has grey values
from 0 to 16.
"""
# Tested in tests/data/test_data_sets.py.

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.data.spec import DataSet, Part

FILE = Path(__file__).with_name("digits.npz")
N_TRAIN, N_TEST = 1437, 360


def read(data_root: Path, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 3, 8, 8] and labels int64 [n]; `data_root` is not used."""
    with np.load(FILE) as arrays:
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    grey = np.rint(images * (255 / 16)).astype(np.uint8)
    return np.repeat(grey[:, None], 3, axis=1), labels.astype(np.int64)


def class_names(data_root: Path) -> tuple[str, ...]:
    """The names of the digits, 0 to 9."""
    return tuple(map(str, range(10)))


DIGITS = DataSet(
    name="digits",
    title="Digits",
    classes=10,
    image_size=8,
    mean=(0.3054, 0.3054, 0.3054),
    std=(0.3760, 0.3760, 0.3760),
    source="scikit-learn",
    licence="CC BY 4.0 (UCI Machine Learning Repository)",
    citation="Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, 1998",
    kind="small",
    path=".",
    n_train=N_TRAIN,
    n_test=N_TEST,
    read=read,
    class_names=class_names,
)
