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
from PIL import Image

from pipeline.data.class_folders import Listing, list_images
from pipeline.data.preprocessing import Preprocessing, inspect
from pipeline.data.spec import Channels, DataSet
from pipeline.errors import InputError
from pipeline.files import below, readable

SHOWN = 20  # most bad files or pairs that one line names
SIDE, TOLERANCE = 8, 12  # thumbnails: side in pixels, largest difference of similar images (of 255)


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
    digest: bytes = b""  # of its size and pixels
    thumbnail: np.ndarray | None = None  # uint8 [3 SIDE^2]
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
    _insist_on_whole(dataset, [image for part in opened for image in part], say)
    for line in _remarks(train, test, opened):
        say(line)
    total, squares = sum(image.sums for image in opened[0] if image.sums is not None)  # type: ignore[misc]
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
    except InputError as error:
        return _Opened(error=readable(str(error)))
    sums = None
    if is_training:
        pixels = np.asarray(prepare.crop_of(image), dtype=np.float64) / 255
        sums = np.stack([pixels.sum(axis=(0, 1)), (pixels**2).sum(axis=(0, 1))])
    return _Opened(
        digest=hashlib.sha256(f"{image.size}".encode() + image.tobytes()).digest(),
        thumbnail=np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)).ravel(),
        done=done,
        sums=sums,
    )


def _insist_on_whole(
    dataset: DataSet, opened: Sequence[_Opened], say: Callable[[str], None]
) -> None:
    """Raise `InputError` if images are broken; those that do not fit the error are said before."""
    errors = [image.error for image in opened if image.error]
    for line in errors[SHOWN:]:
        say(line)
    if errors:
        more = f"; the other {len(errors) - SHOWN} are named above" if errors[SHOWN:] else ""
        raise InputError(
            f"{dataset.name}: {len(errors)} of {len(opened)} images cannot be used: "
            f"{'; '.join(errors[:SHOWN])}{more}"
        )


def _remarks(train: Listing, test: Listing, opened: list[list[_Opened]]) -> Iterator[str]:
    """Remarks on the files for the user."""
    done = Counter(word for part in opened for image in part for word in image.done)
    for word, n in sorted(done.items()):
        yield f"{n} images {word}"
    if left_out := [*train.left_out, *test.left_out]:
        yield f"{len(left_out)} files are no images: {_named(left_out)}"
    both = _in_both(train, test, opened)
    if both:
        yield (
            f"warning: {len(both)} images of val/ stand in train/ too (=) or look like images of "
            f"it (~), so that the final evaluation may be too good: {_named(both)}"
        )


def _in_both(train: Listing, test: Listing, opened: list[list[_Opened]]) -> list[str]:
    """Pairs of a training and a test image with equal (=) or similar (~) pixels, as text."""
    from scipy.spatial import KDTree  # imported only here, because it takes half a second

    thumbnails, others = ([image.thumbnail for image in part] for part in opened)
    nearest = KDTree(thumbnails).query(others, p=np.inf, distance_upper_bound=TOLERANCE + 1)[1]
    known = {image.digest: path for image, path in zip(opened[0], train.paths, strict=True)}
    same, similar = [], []
    for image, path, i in zip(opened[1], test.paths, nearest, strict=True):
        if image.digest in known:
            same.append(f"{known[image.digest]} = {path}")
        elif i < len(thumbnails):
            similar.append(f"{train.paths[i]} ~ {path}")
    return same + similar


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
