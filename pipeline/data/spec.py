"""The description of a data set, available without opening its images.

Images are uint8 [n, 3, h, w], labels int64 [n] counted from 0. Mean and standard deviation of a
channel are those of the training images, with pixels in [0, 1].
"""
# Tested in tests/data/test_data_sets.py.

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline import registry
from pipeline.config.folders import FolderSettings
from pipeline.config.validation import validate
from pipeline.errors import InputError
from pipeline.files import read_object

Part = Literal["train", "test"]
Channels = tuple[float, float, float]
Number = Annotated[float, Field(strict=True)]
Above0 = Annotated[float, Field(gt=0, strict=True)]
EVERY = slice(None)  # all batches of a pass


@dataclass(frozen=True)
class DataFile:
    """One file of a data set."""

    path: str  # relative to the data root
    md5: str | None  # published checksum; None if there is none
    part: Part = "train"  # files that both parts need (class names) count as train


@dataclass(frozen=True)
class DataSet:
    """A data set; small sets have `read`, folders have `train/<class>/` and `val/<class>/`."""

    name: str  # as in the configuration and in paths
    title: str  # as shown in tables
    classes: int | None  # None: the number of class folders
    image_size: int  # side of the images that a network sees, in pixels
    mean: Channels | None  # None: computed when the set is prepared
    std: Channels | None  # None: computed when the set is prepared
    source: str  # where the files come from
    licence: str
    citation: str
    # `small` sets are held in memory, images of `folder` sets are decoded when needed
    kind: Literal["small", "folder"]
    path: str  # folder, relative to the data root or absolute
    files: tuple[DataFile, ...] = ()  # none if a set is generated or a folder
    # Locally made files that replace `files` if those are absent
    made_files: tuple[DataFile, ...] = ()
    n_train: int = 0  # of a small set
    n_test: int = 0  # of a small set
    # Small sets: (data root, part) -> images, labels
    read: Callable[[Path, Part], tuple[np.ndarray, np.ndarray]] | None = None
    # Small sets: data root -> names in the order of the labels
    class_names: Callable[[Path], tuple[str, ...]] | None = None
    resize_size: int | None = None  # folders: shorter side before an evaluation's central crop
    # Folders that the program makes: data root -> None, makes missing files
    make: Callable[[Path], None] | None = None
    # Data root -> None, downloads the files; None if they may not be downloaded
    download: Callable[[Path], None] | None = None
    # Parts of the training set for a search's (weights, value function)
    search_fractions: tuple[float, float] = (0.5, 0.5)

    def files_at(self, data_root: Path) -> tuple[DataFile, ...]:
        """The published files, or the locally made files if only those exist."""
        if any((data_root / file.path).exists() for file in self.files):
            return self.files
        made = self.made_files and all((data_root / file.path).exists() for file in self.made_files)
        return self.made_files if made else self.files


class Manifest(BaseModel):
    """The keys of `manifest.json` that other stages read."""

    model_config = ConfigDict(allow_inf_nan=False)

    name: str
    kind: Literal["small", "folder"]
    path: str
    classes: int = Field(ge=2, strict=True)
    class_names: tuple[str, ...]
    image_size: int = Field(ge=1, le=10_000, strict=True)
    resize_size: int | None = Field(None, ge=1, le=10_000, strict=True)
    mean: tuple[Number, Number, Number]
    std: tuple[Above0, Above0, Above0]
    n_train: int = Field(ge=1, strict=True)
    n_test: int = Field(ge=0, strict=True)
    fingerprint: str

    @model_validator(mode="after")
    def _names_all_classes(self) -> Manifest:
        if len(self.class_names) != self.classes:
            raise ValueError(f"classes: {self.classes}, but {len(self.class_names)} class_names")
        return self


def read_manifest(path: Path) -> dict[str, Any]:
    """The content of a `manifest.json` that `prepare` has written.

    Raises:
        InputError: the file or a key is missing or wrong.
    """
    content = read_object(path)
    validate(Manifest, content, {f"{path}, prepare the data set again": content})
    return content


def find(name: str, folders: Mapping[str, FolderSettings] | None = None) -> DataSet:
    """The data set called `name`: registered, or an image folder declared in `folders`.

    Raises:
        InputError: there is no such data set, or a folder has the name of a registered one.
    """
    known, folders = registry.names("datasets"), folders or {}
    if name in folders:
        if name in known:
            raise InputError(f"datasets: {name!r} is the name of a built-in data set; rename yours")
        return of_folder(name, folders[name])
    if name not in known:
        nearest = registry.nearest(name, [*known, *folders])
        raise InputError(f"datasets: unknown {name!r}; {nearest}")
    dataset: DataSet = registry.get("datasets", name)
    return dataset


def of_folder(name: str, settings: FolderSettings) -> DataSet:
    """The data set for an image folder of the configuration."""
    return DataSet(
        name=name,
        title=name,
        classes=None,
        image_size=settings.image_size,
        mean=None,
        std=None,
        source=f"datasets.{name}.path in the configuration",
        licence="the user's own",
        citation="",
        kind="folder",
        path=settings.path,
        resize_size=settings.resize_size or round(settings.image_size * 8 / 7),
    )


def read_small(dataset: DataSet, data_root: Path, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 3, h, h] and labels int64 [n] of the training or test part.

    Raises:
        InputError: number, size or labels of the images do not match the description.
    """
    assert dataset.read is not None  # small sets have it
    images, labels = dataset.read(data_root, part)
    n_images = dataset.n_train if part == "train" else dataset.n_test
    shape = (n_images, 3, dataset.image_size, dataset.image_size)
    subject = f"{dataset.name}: {part} part below {data_root / dataset.path}"
    if images.shape != shape or images.dtype != np.uint8 or labels.shape != shape[:1]:
        raise InputError(
            f"{subject}: images {images.shape} {images.dtype}, labels {labels.shape}; expected "
            f"{shape} uint8; get it again from {dataset.source}"
        )
    if dataset.classes is None or not 0 <= labels.min() <= labels.max() < dataset.classes:
        raise InputError(f"{subject}: labels are not in 0..classes-1; classes: {dataset.classes}")
    return images, labels
