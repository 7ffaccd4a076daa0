"""An opened part of a prepared data set: batches of normalised images for a network."""
# Tested in tests/data/test_folder_images.py.

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from pipeline.data.augment import Augment, FolderAugment
from pipeline.data.checksums import check
from pipeline.data.class_folders import list_images
from pipeline.data.folder_images import FolderImages
from pipeline.data.preprocessing import Preprocessing
from pipeline.data.small import SmallImages
from pipeline.data.spec import EVERY, Part, find, read_small
from pipeline.errors import InputError
from pipeline.files import below, read_arrays

Opened = Literal["weights", "value", "train", "test"]


class Images(Protocol):
    """Labelled images on which stages train and evaluate.

    A batch has normalised images float32 [b, 3, h, h] and labels int64 [b], both on the device.
    Generators are on the CPU, so every device gets the same images.
    """

    @property
    def n(self) -> int:
        """Number of images."""

    @property
    def classes(self) -> int:
        """Number of classes."""

    @property
    def image_size(self) -> int:
        """Side of the images, in pixels."""

    def n_batches(self, batch_size: int, drop_last: bool = False) -> int:
        """Number of batches of one pass."""

    def batches(
        self,
        batch_size: int,
        generator: torch.Generator | None = None,
        augment: Augment | FolderAugment | None = None,
        drop_last: bool = False,
        chosen: slice = EVERY,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass over the images, in order, or shuffled and augmented if a `generator` is given.

        `chosen` selects some batches of the pass, for resumed runs and for ranks.
        """

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """`n` different random images, not augmented; all images if there are fewer."""

    def take(self, n: int) -> Images:
        """A fixed choice of `n` images; all images if there are fewer."""

    def only(self, indices: np.ndarray) -> Images:
        """The images with these indices, int64."""


def open_images(
    manifest: Mapping[str, Any],
    data_root: Path | str,
    part: Opened,
    split_path: Path | str | None = None,
    device: str = "cpu",
    workers: int = 0,
) -> Images:
    """Open one part of a prepared data set.

    `train` has all training images. On `weights` a search trains weights, and on `value` it
    measures values. Both need `split_path`, a file `split.npz`. `manifest` is the content of
    `manifest.json`. `workers` is the number of processes that decode folders of images.

    Raises:
        InputError: files are missing, damaged, or have changed since `prepare`.
    """
    root = Path(data_root)
    halves = part in ("weights", "value")
    chosen = _half(part, split_path, manifest["n_train"]) if halves else slice(None)
    published: Part = "test" if part == "test" else "train"
    if manifest["kind"] == "small":
        return _open_small(manifest, root, published, chosen, device)
    return _open_folder(manifest, root, published, chosen, device, workers)


def _half(part: str, split_path: Path | str | None, n_train: int) -> np.ndarray:
    """Indices into the training part, int64, sorted."""
    split = read_arrays(split_path) if split_path else {}
    indices: np.ndarray = split.get(part, np.empty(0))
    fits = indices.dtype.kind == "i" and indices.ndim == 1 and len(indices) > 0
    if not fits or indices[0] < 0 or indices[-1] >= n_train or (np.diff(indices) <= 0).any():
        raise InputError(f"{split_path}: no split of this data set; prepare it again")
    return indices


def _open_small(
    manifest: Mapping[str, Any], root: Path, part: Part, chosen: np.ndarray | slice, device: str
) -> SmallImages:
    dataset = find(manifest["name"])
    check(dataset, root, parts=(part,))
    images, labels = read_small(dataset, root, part)
    return SmallImages(
        pixels=torch.from_numpy(images[chosen]).contiguous().to(device),
        labels=torch.from_numpy(labels[chosen]).to(device),
        classes=manifest["classes"],
        mean=manifest["mean"],
        std=manifest["std"],
    )


def _open_folder(
    manifest: Mapping[str, Any],
    root: Path,
    part: Part,
    chosen: np.ndarray | slice,
    device: str,
    workers: int,
) -> FolderImages:
    folder = below(root, manifest["path"]) / ("val" if part == "test" else "train")
    listing = list_images(folder)
    n_prepared = manifest[f"n_{part}"]
    if len(listing.labels) != n_prepared or list(listing.class_names) != manifest["class_names"]:
        raise InputError(
            f"{folder}: {len(listing.labels)} images of {len(listing.class_names)} classes, but "
            f"{n_prepared} of {manifest['classes']} when it was prepared; prepare it again"
        )
    return FolderImages(
        paths=listing.paths[chosen],
        labels=listing.labels[chosen],
        classes=manifest["classes"],
        preprocessing=Preprocessing.of(manifest),
        device=device,
        workers=workers,
    )
