"""Images of handwritten digits, enlarged to 64x64. The demo uses them instead of ImageNet."""
# Tested in tests/data/test_small.py.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image

from pipeline.data import digits
from pipeline.data.spec import Part
from pipeline.data.written_folder import write

FOLDER = "digits64"
SIZE = 64


def make(data_root: Path) -> None:
    """Write all images as `digits64/{train,val}/<class>/<index>.png`; on an error, write none.

    Raises:
        InputError: the folder cannot be written.
    """
    write(data_root / FOLDER, {"train": _enlarged("train"), "val": _enlarged("test")})


def _enlarged(part: Part) -> Iterator[tuple[str, Image.Image]]:
    """Class and image of each image of a part."""
    for image, label in zip(*digits.read(Path(), part), strict=True):
        enlarged = Image.fromarray(image[0]).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        yield str(label), enlarged.convert("RGB")


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
