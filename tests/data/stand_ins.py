"""A tiny stand-in for every data set, in its own format: name -> function(root) -> DataSet."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from pipeline.data.cifar import CIFAR10, CIFAR100
from pipeline.data.digits import DIGITS
from pipeline.data.digits64 import DIGITS64
from pipeline.data.imagenet import IMAGENET
from pipeline.data.imagenet16 import IMAGENET16
from pipeline.data.spec import DataSet
from pipeline.data.svhn import SVHN
from pipeline.files import digest


def cifar10(root: Path) -> DataSet:
    for i, file in enumerate(CIFAR10.files):
        rng = np.random.default_rng(i)
        data = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
        batch = {"data": data, "labels": [*range(10), *range(10)]}
        meta = {"label_names": [f"class {c}" for c in range(10)]}
        write_pickle(root / file.path, meta if file.path.endswith("meta") else batch)
    return with_checksums(replace(CIFAR10, n_train=100, n_test=20), root)


def cifar100(root: Path) -> DataSet:
    for i, file in enumerate(CIFAR100.files):
        rng = np.random.default_rng(i)
        data = rng.integers(0, 256, (200, 3072), dtype=np.uint8)
        fine = [*range(100), *range(100)]
        batch = {"data": data, "fine_labels": fine, "coarse_labels": [0] * 200}
        meta = {"fine_label_names": [f"class {c}" for c in range(100)]}
        write_pickle(root / file.path, meta if file.path.endswith("meta") else batch)
    return with_checksums(replace(CIFAR100, n_train=200, n_test=200), root)


def svhn(root: Path) -> DataSet:
    for i, file in enumerate(SVHN.files):
        rng = np.random.default_rng(i)
        images = rng.integers(0, 256, (32, 32, 3, 30), dtype=np.uint8)
        labels = np.tile(np.arange(1, 11, dtype=np.uint8), 3)[:, None]
        savemat(root / file.path, {"X": images, "y": labels})
    return with_checksums(replace(SVHN, n_train=30, n_test=30), root)


def imagenet16(root: Path) -> DataSet:
    for i, file in enumerate(IMAGENET16.files):
        rng = np.random.default_rng(i)
        labels = [*range(1, 121), 121, 1000]  # of all 1,000 classes, counted from 1
        data = rng.integers(0, 256, (len(labels), 768), dtype=np.uint8)
        write_pickle(root / file.path, {"data": data, "labels": labels})
    return with_checksums(replace(IMAGENET16, n_train=1200, n_test=120), root)


def imagenet(root: Path) -> DataSet:
    image_folder(root / "imagenet", classes=("n01440764", "n01443537"), size=(90, 80), n=8)
    return replace(IMAGENET, classes=2, image_size=32, resize_size=40, search_fractions=(0.5, 0.25))


def digits(root: Path) -> DataSet:
    return DIGITS


def digits64(root: Path) -> DataSet:
    return DIGITS64


STAND_INS = {
    function.__name__: function
    for function in (cifar10, cifar100, svhn, imagenet16, imagenet, digits, digits64)
}


def image_folder(folder: Path, classes: tuple[str, ...], size: tuple[int, int], n: int = 6) -> None:
    """`n` JPEGs a class in train/, half as many in val/; smooth, so that JPEG keeps them."""
    rng = np.random.default_rng(0)
    for part, n_images in (("train", n), ("val", n // 2)):
        for name in classes:
            (folder / part / name).mkdir(parents=True)
            for i in range(n_images):
                coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
                image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
                image.save(folder / part / name / f"{i}.jpg", quality=95)


def write_pickle(path: Path, content: dict) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))


def with_checksums(dataset: DataSet, root: Path) -> DataSet:
    files = tuple(replace(file, md5=digest(root / file.path, "md5")) for file in dataset.files)
    return replace(dataset, files=files)
