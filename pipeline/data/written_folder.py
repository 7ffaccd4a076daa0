"""Writes images as a folder of image files by class, `folder/{train,val}/<class>/<index>.png`."""
# Tested in tests/data/test_manifest.py.

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from PIL import Image

from pipeline.config.folders import WrittenFolder
from pipeline.data.checksums import check
from pipeline.data.spec import Part, find, read_small
from pipeline.errors import InputError
from pipeline.files import below

Named = Iterable[tuple[str, Image.Image]]  # class and image


def write(folder: Path, parts: Mapping[str, Named]) -> None:
    """Write `parts`, which are "train" and "val", if there is no folder; on an error, write none.

    Raises:
        InputError: the folder cannot be written.
    """
    if folder.exists():
        return
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        for part, images in parts.items():
            for index, (name, image) in enumerate(images):
                path = temporary / part / name / f"{index:04d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                image.save(path)
        temporary.rename(folder)
    except OSError as error:
        # Another process may have written the folder first.
        if not folder.exists():
            message = f"{folder.name}: cannot write {folder} ({error}); see data_root"
            raise InputError(message) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_small(settings: WrittenFolder, data_root: Path, download: bool = False) -> None:
    """Write the first training images and all test images of a small data set.

    `download` is whether to download the small data set if there is no folder.

    Raises:
        InputError: files of the small data set are missing or damaged, or the folder cannot be
            written.
    """
    dataset, folder = find(settings.images), below(data_root, settings.path)
    if download and dataset.download and not folder.exists():
        dataset.download(data_root)

    def images(part: Part, n: int | None) -> Iterator[tuple[str, Image.Image]]:
        check(dataset, data_root, parts=(part,))
        assert dataset.class_names is not None  # small sets have them
        names = dataset.class_names(data_root)
        pixels, labels = read_small(dataset, data_root, part)
        for image, label in zip(pixels[:n], labels[:n], strict=True):
            yield names[label], Image.fromarray(image.transpose(1, 2, 0))

    write(folder, {"train": images("train", settings.n_train), "val": images("test", None)})
