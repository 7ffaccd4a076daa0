"""ImageNet-16-120: the first 120 classes of ImageNet at 16x16 pixels, used by NAS-Bench-201.

It is read from the benchmark's batch files, or from the files of `make_imagenet16`.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from pipeline.data.preprocessing import FORMATS
from pipeline.data.spec import DataFile, DataSet, Part
from pipeline.errors import InputError
from pipeline.files import read_arrays, replacing
from pipeline.pickles import read_pickle

FOLDER = "ImageNet16"
CLASSES = 120
SIZE = 16
FILES = (
    DataFile(f"{FOLDER}/train_data_batch_1", "27846dcaa50de8e21a7d1a35f30f0e91"),
    DataFile(f"{FOLDER}/train_data_batch_2", "c7254a054e0e795c69120a5727050e3f"),
    DataFile(f"{FOLDER}/train_data_batch_3", "4333d3df2e5ffb114b05d2ffc19b1e87"),
    DataFile(f"{FOLDER}/train_data_batch_4", "1620cdf193304f4a92677b695d70d10f"),
    DataFile(f"{FOLDER}/train_data_batch_5", "348b3c2fdbb3940c4e9e834affd3b18d"),
    DataFile(f"{FOLDER}/train_data_batch_6", "6e765307c242a1b3d7d5ef9139b48945"),
    DataFile(f"{FOLDER}/train_data_batch_7", "564926d8cbf8fc4818ba23d2faac7564"),
    DataFile(f"{FOLDER}/train_data_batch_8", "f4755871f718ccb653440b9dd0ebac66"),
    DataFile(f"{FOLDER}/train_data_batch_9", "bb6dd660c38c58552125b1a92f86b5d4"),
    DataFile(f"{FOLDER}/train_data_batch_10", "8f03f34ac4b42271a294f91bf480f29b"),
    DataFile(f"{FOLDER}/val_data", "3410e3017fdaefba8d5073aaa65e4bd6", "test"),
)
MADE_FILES = (
    DataFile(f"{FOLDER}/train.npz", None),
    DataFile(f"{FOLDER}/val.npz", None, "test"),
)


def read(data_root: Path, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 3, 16, 16] and labels int64 [n] of the first 120 classes."""
    folder = data_root / FOLDER
    if part == "train":
        batches = [folder / f"train_data_batch_{i}" for i in range(1, 11)]
        made = folder / "train.npz"
    else:
        batches, made = [folder / "val_data"], folder / "val.npz"
    if not batches[0].exists():
        return _read_made(made)
    images, labels = zip(*map(_first_classes, batches), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _read_made(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels from a file of `make_imagenet16`."""
    content = read_arrays(path)
    if not {"images", "labels"} <= set(content):
        raise InputError(f"{path}: not made here; delete it and make it again")
    return content["images"], content["labels"]


def _first_classes(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The images of a batch file with labels 1 to 120, and their labels counted from 0."""
    batch = read_pickle(path)
    labels = np.asarray(batch["labels"], dtype=np.int64) - 1
    kept = labels < CLASSES
    return batch["data"].reshape(-1, 3, SIZE, SIZE)[kept], labels[kept]


def class_names(data_root: Path) -> tuple[str, ...]:
    """Numbers from 1, since the files name no classes."""
    return tuple(str(number) for number in range(1, CLASSES + 1))


def make_imagenet16(imagenet_root: Path, data_root: Path, workers: int = 1) -> None:
    """Write `ImageNet16/{train,val}.npz` below the data root from a local copy of ImageNet.

    `imagenet_root` has `train/<wnid>/`, `val/<wnid>/` and ILSVRC's list of classes,
    `map_clsloc.txt`. Images are shrunk with a box filter, as in Chrabaszcz et al. The pixels may
    differ slightly from the published ones, because JPEG decoders differ.

    Raises:
        InputError: the list is missing or invalid, a class has no images, or a file is no image.
    """
    wnids = _class_order(imagenet_root / "map_clsloc.txt")
    for part in ("train", "val"):
        paths, labels = _listing(imagenet_root / part, wnids)
        with ProcessPoolExecutor(workers) as pool:
            images = np.stack(list(pool.map(_shrink, paths, chunksize=64)))
        with replacing(data_root / FOLDER / f"{part}.npz") as temporary:
            np.savez(temporary, images=images, labels=labels)


def _class_order(path: Path) -> list[str]:
    """The wnids of classes 1 to 120."""
    try:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        number = {int(row[1]): row[0] for row in rows if row}
        return [number[i] for i in range(1, CLASSES + 1)]
    except FileNotFoundError:
        raise InputError(f"{path}: missing; it is part of ILSVRC's development kit") from None
    except (ValueError, IndexError, KeyError):
        raise InputError(f"{path}: expected lines `<wnid> <number> <name>` for 1 to 120") from None


def _listing(folder: Path, wnids: list[str]) -> tuple[list[Path], np.ndarray]:
    paths, labels = [], []
    for label, wnid in enumerate(wnids):
        images = sorted(path for path in (folder / wnid).glob("*") if path.is_file())
        if not images:
            raise InputError(f"{folder / wnid}: no images of this class")
        paths += images
        labels += [label] * len(images)
    return paths, np.array(labels, dtype=np.int64)


def _shrink(path: Path) -> np.ndarray:
    """One image as uint8 [3, 16, 16]."""
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX)
    except OSError as error:
        raise InputError(f"{path}: not an image ({error})") from None
    return np.asarray(small).transpose(2, 0, 1)


IMAGENET16 = DataSet(
    name="imagenet16",
    title="ImageNet-16-120",
    classes=CLASSES,
    image_size=SIZE,
    mean=(122.68 / 255, 116.66 / 255, 104.01 / 255),
    std=(63.22 / 255, 61.26 / 255, 65.09 / 255),
    source="https://github.com/D-X-Y/NAS-Bench-201 (folder ImageNet16)",
    licence="research use, ImageNet's terms of access",
    citation="Chrabaszcz et al., A Downsampled Variant of ImageNet, 2017",
    kind="small",
    path=FOLDER,
    files=FILES,
    made_files=MADE_FILES,
    n_train=151_700,
    n_test=6_000,
    read=read,
    class_names=class_names,
)
