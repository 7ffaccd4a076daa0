"""Facts about a folder of images: classes, number of images, mean and deviation of pixels.

If mean and deviation are not published, each image is decoded once, which also finds broken files.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.data.class_folders import Listing, list_images
from pipeline.data.preprocessing import Preprocessing, inspect
from pipeline.data.spec import Channels, DataSet
from pipeline.errors import InputError
from pipeline.files import below, digest, readable

SHOWN = 20  # most bad files or pairs that an error names


@dataclass(frozen=True)
class FolderFacts:
    """The facts about a folder."""

    train: Listing
    test: Listing
    mean: Channels
    std: Channels
    fingerprint: str


@dataclass(frozen=True)
class _Opened:
    """The facts about one file."""

    error: str = ""  # why it cannot be used
    digest: str = ""  # of its bytes
    done: tuple[str, ...] = ()  # conversions besides decoding
    sums: np.ndarray | None = None  # sums of pixels in [0, 1] and of their squares, float64 [2, 3]


def folder_facts(dataset: DataSet, root: Path, say: Callable[[str], None]) -> FolderFacts:
    """List the images of a folder, check them, and compute mean and deviation of those in `train/`.

    If these are published, no image is opened: all images of ImageNet would take hours.

    Raises:
        InputError: classes or images are missing, images are broken, or a channel is constant.
    """
    folder = below(root, dataset.path)
    train, test = list_images(folder / "train"), list_images(folder / "val")
    if dataset.classes not in (None, len(train.class_names)):
        raise InputError(
            f"{dataset.name}: {folder / 'train'} has {len(train.class_names)} classes, expected "
            f"{dataset.classes}"
        )
    if len(train.class_names) < 2:
        raise InputError(
            f"{dataset.name}: {folder / 'train'} has the one class {train.class_names[0]}; a "
            "network needs two to tell apart"
        )
    if dataset.mean and dataset.std:
        mean, std = dataset.mean, dataset.std
    else:
        say(_counts(train, test))
        mean, std = _measure(dataset, train, test, say)
    return FolderFacts(train, test, mean, std, _fingerprint(folder, train))


def _counts(train: Listing, test: Listing) -> str:
    """Images of each class, as text."""
    in_val = test.counts()
    counts = [f"{name} {n} + {in_val.get(name, 0)}" for name, n in train.counts().items()]
    return f"images for training + validation: {', '.join(counts)}"


def _measure(
    dataset: DataSet, train: Listing, test: Listing, say: Callable[[str], None]
) -> tuple[Channels, Channels]:
    """Mean and deviation of the training images, preprocessed as in an evaluation."""
    size = dataset.image_size
    prepare = Preprocessing(size, dataset.resize_size or size, (0.0,) * 3, (1.0,) * 3)
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        opened = [
            [*pool.map(partial(_open, prepare=prepare, is_training=True), train.paths)],
            [*pool.map(partial(_open, prepare=prepare, is_training=False), test.paths)],
        ]
    _insist_on_whole(dataset, [one for part in opened for one in part])
    for line in _remarks(train, test, opened):
        say(line)
    total, squares = sum(one.sums for one in opened[0] if one.sums is not None)  # type: ignore[misc]
    n_pixels = len(train.paths) * size**2
    mean = total / n_pixels
    std = np.sqrt(np.maximum(squares / n_pixels - mean**2, 0))
    if not std.min() > 0:
        raise InputError(
            f"{dataset.name}: a colour of its training images is the same in every pixel; they "
            "cannot be normalised"
        )
    return tuple(mean.tolist()), tuple(std.tolist())


def _open(path: str, prepare: Preprocessing, is_training: bool) -> _Opened:
    try:
        image, done = inspect(path)
        content = digest(path)
    except InputError as error:
        return _Opened(error=readable(str(error)))
    if not is_training:
        return _Opened(digest=content, done=done)
    pixels = np.asarray(prepare.crop_of(image), dtype=np.float64) / 255
    sums = np.stack([pixels.sum(axis=(0, 1)), (pixels**2).sum(axis=(0, 1))])
    return _Opened(digest=content, done=done, sums=sums)


def _insist_on_whole(dataset: DataSet, opened: Sequence[_Opened]) -> None:
    errors = [one.error for one in opened if one.error]
    if errors:
        more = f"; and {len(errors) - SHOWN} more" if len(errors) > SHOWN else ""
        raise InputError(
            f"{dataset.name}: {len(errors)} of {len(opened)} images cannot be used: "
            f"{'; '.join(errors[:SHOWN])}{more}"
        )


def _remarks(train: Listing, test: Listing, opened: list[list[_Opened]]) -> Iterator[str]:
    """Remarks on the files for the user."""
    done = Counter(word for part in opened for one in part for word in one.done)
    for word, n in sorted(done.items()):
        yield f"{n} images {word}"
    if left_out := [*train.left_out, *test.left_out]:
        yield f"{len(left_out)} files are no images: {_named(left_out)}"
    known = {one.digest: path for one, path in zip(opened[0], train.paths, strict=True)}
    both = [
        f"{known[one.digest]} = {path}"
        for one, path in zip(opened[1], test.paths, strict=True)
        if one.digest in known
    ]
    if both:
        yield (
            f"warning: {len(both)} images of val/ stand in train/ too, so that the final "
            f"evaluation will be too good: {_named(both)}"
        )


def _named(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > SHOWN else ""
    return readable(", ".join(names[:SHOWN])) + more


def _fingerprint(folder: Path, listing: Listing) -> str:
    """Digest of file names and sizes; contents would take hours to read."""
    content = hashlib.sha256()
    for path in map(Path, listing.paths):
        content.update(os.fsencode(path.relative_to(folder).as_posix()))
        content.update(f" {path.stat().st_size}\n".encode())
    return content.hexdigest()
