"""CIFAR-10 as its authors publish it: five training pickles, one test pickle.

Mean and deviation are those of DARTS and its family.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.data.download import torchvision_archive
from pipeline.data.spec import DataFile, DataSet, Part
from pipeline.pickles import read_pickle

FOLDER = "cifar-10-batches-py"
FILES = (
    DataFile(f"{FOLDER}/data_batch_1", "c99cafc152244af753f735de768cd75f"),
    DataFile(f"{FOLDER}/data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
    DataFile(f"{FOLDER}/data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
    DataFile(f"{FOLDER}/data_batch_4", "634d18415352ddfa80567beed471001a"),
    DataFile(f"{FOLDER}/data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    DataFile(f"{FOLDER}/batches.meta", "5ff9c542aee3614f3951f8cda6e48888"),
    DataFile(f"{FOLDER}/test_batch", "40351d587109b95175f43aff81a1287e", "test"),
)


def read(data_root: Path, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 3, 32, 32] and labels int64 [n] in the published order."""
    names = [f"data_batch_{i}" for i in range(1, 6)] if part == "train" else ["test_batch"]
    batches = [read_pickle(data_root / FOLDER / name) for name in names]
    images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([batch["labels"] for batch in batches]).astype(np.int64)
    return images, labels


def class_names(data_root: Path) -> tuple[str, ...]:
    """Names in the order of the labels."""
    return tuple(read_pickle(data_root / FOLDER / "batches.meta")["label_names"])


CIFAR10 = DataSet(
    name="cifar10",
    title="CIFAR-10",
    classes=10,
    image_size=32,
    mean=(0.49139968, 0.48215827, 0.44653124),
    std=(0.24703233, 0.24348505, 0.26158768),
    source="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    licence="none stated; the authors ask for the citation",
    citation="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    kind="small",
    path=FOLDER,
    files=FILES,
    n_train=50_000,
    n_test=10_000,
    read=read,
    class_names=class_names,
    download=torchvision_archive("CIFAR10"),
)
