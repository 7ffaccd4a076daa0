"""CIFAR-100 as its authors publish it, by its fine labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.data.download import torchvision_archive
from pipeline.data.spec import DataFile, DataSet, Part
from pipeline.pickles import read_pickle

FOLDER = "cifar-100-python"
FILES = (
    DataFile(f"{FOLDER}/train", "16019d7e3df5f24257cddd939b257f8d"),
    DataFile(f"{FOLDER}/meta", "7973b15100ade9c7d40fb424638fde48"),
    DataFile(f"{FOLDER}/test", "f0ef6b0ae62326f3e7ffdfab6717acfc", "test"),
)


def read(data_root: Path, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 3, 32, 32] and labels int64 [n] in the published order."""
    batch = read_pickle(data_root / FOLDER / part)
    labels = np.asarray(batch["fine_labels"], dtype=np.int64)
    return batch["data"].reshape(-1, 3, 32, 32), labels


def class_names(data_root: Path) -> tuple[str, ...]:
    """Names in the order of the labels."""
    return tuple(read_pickle(data_root / FOLDER / "meta")["fine_label_names"])


CIFAR100 = DataSet(
    name="cifar100",
    title="CIFAR-100",
    classes=100,
    image_size=32,
    mean=(0.5070752, 0.4865489, 0.4409178),
    std=(0.2673343, 0.2564385, 0.2761505),
    source="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    licence="none stated; the authors ask for the citation",
    citation="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    kind="small",
    path=FOLDER,
    files=FILES,
    n_train=50_000,
    n_test=10_000,
    read=read,
    class_names=class_names,
    download=torchvision_archive("CIFAR100"),
)
