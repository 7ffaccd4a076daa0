"""Reads SVHN's cropped digits (without `extra`) from the published MATLAB files.

The files label the digit 0 as 10; we change this label to 0, as torchvision does.
"""
# Tested in tests/data/test_data_sets.py.

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.data.digits import class_names
from pipeline.data.download import torchvision_archive
from pipeline.data.spec import DataFile, DataSet, Part
from pipeline.errors import InputError

FILES = (
    DataFile("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
    DataFile("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3", "test"),
)


def read(data_root: Path, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 3, 32, 32] and labels int64 [n] in the published order."""
    from scipy.io import loadmat

    path = data_root / f"{part}_32x32.mat"
    try:
        content = loadmat(path, variable_names=["X", "y"])
        images, labels = content["X"], content["y"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(f"{path}: not SVHN's MATLAB file ({error})") from None
    # [32, 32, 3, n] with rows first -> [n, 3, 32, 32]
    images = np.ascontiguousarray(images.transpose(3, 2, 0, 1))
    return images, labels.reshape(-1).astype(np.int64) % 10


SVHN = DataSet(
    name="svhn",
    title="SVHN",
    classes=10,
    image_size=32,
    mean=(0.4376821, 0.4437697, 0.4728044),
    std=(0.1980301, 0.2010156, 0.1970361),
    source="http://ufldl.stanford.edu/housenumbers/",
    licence="non-commercial use only",
    citation="Netzer et al., Reading Digits in Natural Images, 2011",
    kind="small",
    path=".",
    files=FILES,
    n_train=73_257,
    n_test=26_032,
    read=read,
    class_names=class_names,
    download=torchvision_archive("SVHN", ({"split": "train"}, {"split": "test"})),
)
