"""Images of handwritten digits, enlarged to 64x64. The demo uses them instead of ImageNet."""
# Tested in tests/data/test_small.py.

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from pipeline.data import digits
from pipeline.data.spec import Part
from pipeline.errors import InputError

FOLDER = "digits64"
SIZE = 64


def make(data_root: Path) -> None:
    """Write all images as `digits64/{train,val}/<class>/<index>.png`; on an error, write none.

    Raises:
        InputError: the folder cannot be written.
    """
    folder = data_root / FOLDER
    if folder.exists():
        return
    temporary = data_root / f".{FOLDER}.{os.getpid()}"
    try:
        _write(temporary / "train", "train")
        _write(temporary / "val", "test")
        temporary.rename(folder)
    except OSError as error:
        # Another process may have written the folder first.
        if not folder.exists():
            raise InputError(f"digits64: cannot write {folder} ({error}); see data_root") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(folder: Path, part: Part) -> None:
    from PIL import Image

    images, labels = digits.read(folder, part)
    for label in set(labels.tolist()):
        (folder / str(label)).mkdir(parents=True)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        enlarged = Image.fromarray(image[0]).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        enlarged.convert("RGB").save(folder / str(label) / f"{index:04d}.png")


DIGITS64 = replace(
    digits.DIGITS,
    name="digits64",
    title="Digits, 64x64",
    image_size=SIZE,
    resize_size=SIZE,
    mean=None,
    std=None,
    kind="folder",
    path=FOLDER,
    n_train=0,
    n_test=0,
    read=None,
    class_names=None,
    make=make,
)
