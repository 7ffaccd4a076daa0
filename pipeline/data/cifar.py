"""Reads CIFAR-10 and CIFAR-100 (fine labels) from the published pickles of 32 x 32 images.

Images of CIFAR-10 are normalised with the mean and standard deviation that DARTS uses.
"""
# Tested in tests/data/test_data_sets.py.

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.data.download import torchvision_archive
from pipeline.data.spec import Channels, DataFile, DataSet, Part
from pipeline.pickles import read_pickle

FOLDER10, FOLDER100 = "cifar-10-batches-py", "cifar-100-python"
FILES10 = (
    DataFile(f"{FOLDER10}/data_batch_1", "c99cafc152244af753f735de768cd75f"),
    DataFile(f"{FOLDER10}/data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
    DataFile(f"{FOLDER10}/data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
    DataFile(f"{FOLDER10}/data_batch_4", "634d18415352ddfa80567beed471001a"),
    DataFile(f"{FOLDER10}/data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    DataFile(f"{FOLDER10}/batches.meta", "5ff9c542aee3614f3951f8cda6e48888"),
    DataFile(f"{FOLDER10}/test_batch", "40351d587109b95175f43aff81a1287e", "test"),
)
FILES100 = (
    DataFile(f"{FOLDER100}/train", "16019d7e3df5f24257cddd939b257f8d"),
    DataFile(f"{FOLDER100}/meta", "7973b15100ade9c7d40fb424638fde48"),
    DataFile(f"{FOLDER100}/test", "f0ef6b0ae62326f3e7ffdfab6717acfc", "test"),
)


def read(paths: Sequence[Path], labels: str) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 3, 32, 32] and labels int64 [n] in the published order."""
    batches = [read_pickle(path) for path in paths]
    images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
    return images, np.concatenate([batch[labels] for batch in batches]).astype(np.int64)


def read10(data_root: Path, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """A part of CIFAR-10."""
    names = [f"data_batch_{i}" for i in range(1, 6)] if part == "train" else ["test_batch"]
    return read([data_root / FOLDER10 / name for name in names], "labels")


def read100(data_root: Path, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """A part of CIFAR-100."""
    return read([data_root / FOLDER100 / part], "fine_labels")


def _cifar(classes: int, mean: Channels, std: Channels) -> DataSet:
    """CIFAR-10 or CIFAR-100."""
    ten = classes == 10
    folder = FOLDER10 if ten else FOLDER100
    meta, names = ("batches.meta", "label_names") if ten else ("meta", "fine_label_names")
    return DataSet(
        name=f"cifar{classes}",
        title=f"CIFAR-{classes}",
        classes=classes,
        image_size=32,
        mean=mean,
        std=std,
        source=f"https://www.cs.toronto.edu/~kriz/cifar-{classes}-python.tar.gz",
        licence="none stated; the authors ask for the citation",
        citation="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        kind="small",
        path=folder,
        files=FILES10 if ten else FILES100,
        n_train=50_000,
        n_test=10_000,
        read=read10 if ten else read100,
        class_names=lambda data_root: tuple(read_pickle(data_root / folder / meta)[names]),
        download=torchvision_archive(f"CIFAR{classes}"),
    )


CIFAR10 = _cifar(10, (0.49139968, 0.48215827, 0.44653124), (0.24703233, 0.24348505, 0.26158768))
CIFAR100 = _cifar(100, (0.5070752, 0.4865489, 0.4409178), (0.2673343, 0.2564385, 0.2761505))
