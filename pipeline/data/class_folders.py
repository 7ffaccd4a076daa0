"""The images of a folder of classes, `folder/<class>/**/*.jpg`, in torchvision's order.

Hidden files and folders are ignored. Only regular files with the suffix of an image are listed. A
folder may be a link to another folder of the same tree that does not contain the link.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.files import readable

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Listing:
    """The images of one folder of classes, in torchvision's order."""

    class_names: tuple[str, ...]  # in the order of the labels
    paths: np.ndarray  # str [n]
    labels: np.ndarray  # int64 [n]
    left_out: tuple[str, ...] = ()  # paths of other files

    def counts(self) -> dict[str, int]:
        """Number of images of each class."""
        counts = np.bincount(self.labels, minlength=len(self.class_names)).tolist()
        return dict(zip(self.class_names, counts, strict=True))

    def labels_among(self, names: Sequence[str]) -> np.ndarray:
        """Labels of the images as indices into `names`, the classes of a model, int64 [n].

        Raises:
            InputError: the folder has a class that the model does not have.
        """
        unknown = [name for name in self.class_names if name not in names]
        if unknown:
            raise InputError(
                f"classes {', '.join(unknown[:5])} are none of the model's: {', '.join(names[:20])}"
            )
        return np.array([names.index(name) for name in self.class_names])[self.labels]


def class_folders(folder: Path) -> list[str]:
    """Names of the folders of classes, sorted.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected <class>/*.jpg in it")
    names = [e.name for e in os.scandir(folder) if e.is_dir() and not e.name.startswith(".")]
    return sorted(names)


def list_images(folder: Path) -> Listing:
    """List the images below `folder/<class>`, without opening them.

    Raises:
        InputError: the folder or its classes are missing, a class has no images, or a link is not
            allowed.
    """
    names = class_folders(folder)
    if not names:
        raise InputError(f"{folder}: no folder of a class in it; expected <class>/*.jpg")
    root, paths, labels, others = folder.resolve(), [], [], []
    for label, name in enumerate(names):
        files = sorted(files_below(folder / name, root), key=lambda file: os.path.split(file.path))
        images = [f.path for f in files if f.name.lower().endswith(SUFFIXES) and f.is_file()]
        if not images:
            raise InputError(
                f"{readable(folder / name)}: no image of this class ({', '.join(SUFFIXES)}); add "
                "some, or delete the folder"
            )
        paths += images
        labels += [label] * len(images)
        others += sorted({file.path for file in files} - {*images})
    names = [readable(name) for name in names]
    return Listing(tuple(names), np.array(paths), np.array(labels, dtype=np.int64), tuple(others))


def files_below(
    folder: Path, root: Path, above: tuple[Path, ...] = ()
) -> Iterator[os.DirEntry[str]]:
    """All files in a folder and its subfolders, except hidden ones.

    Links must not lead out of `root`. `above` are the resolved folders between `root` and `folder`.
    """
    real = folder.resolve()
    if real == root or real in above:
        raise InputError(f"{readable(folder)}: a link that leads in a circle; delete it")
    if not real.is_relative_to(root):
        raise InputError(
            f"{readable(folder)}: a link that leads out of {root}; copy the folder instead"
        )
    for entry in os.scandir(folder):  # knows the kind of an entry without another disk access
        if entry.is_dir() and not entry.name.startswith("."):
            yield from files_below(Path(entry.path), root, (*above, real))
        elif not entry.name.startswith("."):
            yield entry
