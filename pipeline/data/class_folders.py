"""The images of a folder of classes, `folder/<class>/**/*.jpg`, in torchvision's order.

Hidden files and folders are ignored. Only regular files with the suffix of an image are listed. A
folder may be a link to another folder of the same tree that does not contain the link.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.files import readable

SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


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
        InputError: there is no such folder, or it cannot be read.
    """
    return sorted(entry.name for entry, is_folder in _scan(folder) if is_folder)


def list_images(folder: Path) -> Listing:
    """List the images below `folder/<class>`, without opening them.

    Raises:
        InputError: the folder or its classes are missing, a class has no images, two classes have
            one name, a link is not allowed, or a folder cannot be read.
    """
    names = class_folders(folder)
    if not names:
        raise InputError(f"{folder}: no folder of a class in it; expected <class>/*.jpg")
    _insist_on_different(folder, names)
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
    for entry, is_folder in _scan(folder):
        if is_folder:
            yield from files_below(Path(entry.path), root, (*above, real))
        else:
            yield entry


def _scan(folder: Path) -> list[tuple[os.DirEntry[str], bool]]:
    """Entries of a folder, except hidden ones, and whether each is a folder or a link to one."""
    try:  # `scandir` knows the kind of an entry without another disk access
        return [(e, e.is_dir()) for e in os.scandir(folder) if not e.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the name
        raise InputError(
            f"{readable(folder)}: no such folder; expected <class>/*.jpg in it"
        ) from None
    except OSError as error:
        path = readable(error.filename or folder)
        if error.errno == errno.ELOOP:
            raise InputError(f"{path}: a link that leads in a circle; delete it") from None
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); make it readable or delete it"
        ) from None


def _insist_on_different(folder: Path, names: Sequence[str]) -> None:
    """Raise `InputError` if two names of classes are equal as text."""
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(readable(name), name)
        if other != name:
            both = " and ".join(str(os.fsencode(folder)) for folder in (other, name))
            raise InputError(
                f"{readable(folder)}: the classes {both} have the same name as text; rename one"
            )
