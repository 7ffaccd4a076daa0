"""Converts an image file to the input of a network.

    file -> EXIF rotation -> 8-bit RGB on white -> shorter side resized -> centre crop

Colour profiles are ignored. Only the first picture of an animation or multi-page file is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.data.spec import Channels
from pipeline.errors import InputError
from pipeline.files import DAMAGED, readable

# The formats that Pillow may read. Its readers of some others start programs (EPS: Ghostscript).
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "PPM", "TIFF")
BROKEN = (*DAMAGED, IndexError, Image.DecompressionBombError)

BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # tags of TIFF


@dataclass(frozen=True)
class Preprocessing:
    """How an image is preprocessed; the `str` fields only document fixed steps."""

    image_size: int  # side of the images that a network sees, in pixels
    resize_size: int  # shorter side before the crop, in pixels
    mean: Channels  # of the training images in [0, 1], one value per channel
    std: Channels  # their deviation
    resize: str = "shorter side to resize_size, longer side rounded down"
    interpolation: str = "bilinear, antialiased (Pillow)"
    crop: str = "centre, image_size x image_size"
    orientation: str = "EXIF"
    transparency: str = "on white"
    colours: str = "RGB in [0, 1], minus mean, over std; greys of 16 bits over 257"

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Preprocessing:
        """The preprocessing of a prepared data set, from its manifest."""
        size = described["image_size"]
        mean, std = (tuple(described[key]) for key in ("mean", "std"))
        return cls(size, described.get("resize_size") or size, mean, std)

    def to_json(self) -> dict[str, Any]:
        """The settings as plain values."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Preprocessing:
        """The preprocessing from the values of `to_json`."""
        return cls.of(content)

    def crop_of(self, image: Image.Image) -> Image.Image:
        """Resized and cropped as by torchvision's `Resize` and `CenterCrop`."""
        shorter, size = min(image.size), self.image_size
        sides = [int(self.resize_size * side / shorter) for side in image.size]
        resized = image.resize((sides[0], sides[1]), Image.Resampling.BILINEAR)
        left, top = (round((side - size) / 2) for side in sides)
        return resized.crop((left, top, left + size, top + size))

    def pixels_of(self, image: Image.Image) -> np.ndarray:
        """uint8 [3, image_size, image_size] of an RGB image, for `augment.normalise`."""
        return np.ascontiguousarray(np.asarray(self.crop_of(image)).transpose(2, 0, 1))


def read_image(path: Path | str) -> Image.Image:
    """Read an image, rotate it as its EXIF data says, and convert it to 8-bit RGB on white.

    Raises:
        InputError: the file is not a complete image, or the range of its grey values is unknown.
    """
    return inspect(path)[0]


def inspect(path: Path | str) -> tuple[Image.Image, tuple[str, ...]]:
    """The image of `read_image`, and its conversions besides decoding, in words."""
    try:
        if not Path(path).is_file():
            raise OSError("no regular file")
        with Path(path).open("rb") as stream, Image.open(stream, formats=FORMATS) as file:
            turned = file.format == "TIFF" and _is_turned(file)  # load() turns a TIFF
            file.load()
            tags = dict(getattr(file, "tag_v2", {}))
            done = ["turned as EXIF says"] if turned or _is_turned(file) else []
            image = ImageOps.exif_transpose(file) if done else file.copy()
            bits = _stored_bits(stream, file.format, tags)
            if image.mode.startswith("I"):
                done.append("grey of 16 bits scaled to 8")
                image = _eight_bits(image, file.format, tags)
            elif image.mode == "F":
                raise ValueError("grey of floats, whose range is not known; save it with 8 bits")
            elif bits > 8:  # Pillow keeps the upper 8, which are dark if only 12 of 16 are used
                raise ValueError(f"colours of {bits} bits; convert it to 8 bits")
            elif image.mode == "L" and bits < 8 and "transparency" in image.info:
                image.info["transparency"] *= 255 // (2**bits - 1)  # Pillow scales only the pixels
    except BROKEN as error:
        reason = " ".join(str(error).split())
        if isinstance(error, UnidentifiedImageError):
            reason = f"no {', '.join(FORMATS)}"  # Pillow's text would repeat the file's name
        raise InputError(
            f"{readable(path)}: not a whole image ({readable(reason)}); replace or delete it"
        ) from None
    if image.has_transparency_data:
        done.append("put on white")
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB"), tuple(done)


def _is_turned(file: Image.Image) -> bool:
    """Whether EXIF asks for a rotation; an unreadable EXIF block asks for none."""
    try:
        return file.getexif().get(0x0112, 1) in range(2, 9)
    except BROKEN:
        return False


def _stored_bits(stream: BinaryIO, form: str | None, tags: Mapping[int, Any]) -> int:
    """Bits per sample in the file of a PNG or TIFF; 8 for other formats."""
    if form == "PNG":
        stream.seek(24)
        return stream.read(1)[0]
    return tags.get(BITS_PER_SAMPLE, (8,))[0]


def _eight_bits(image: Image.Image, form: str | None, tags: Mapping[int, Any]) -> Image.Image:
    """Convert a grey image of 12 or 16 bits to 8 bits, with alpha if one grey is transparent.

    Raises:
        ValueError: the range of its values is unknown.
    """
    values = np.asarray(image)
    if image.mode == "I" and form != "PPM":  # Pillow itself scales a PGM to 16 bits
        raise ValueError("grey of 32 bits or with a sign; its range is not known: save it with 8")
    largest = 2 ** tags.get(BITS_PER_SAMPLE, (16,))[0] - 1
    opaque = values != image.info.get("transparency", -1)
    highest = int(values.max(initial=0, where=opaque))
    if form != "PPM" and largest == 2**16 - 1 and 0 < highest < 2**14:
        bits = next(bits for bits in (10, 12, 14) if highest < 2**bits)
        raise ValueError(
            f"grey of 16 bits that never exceeds {highest}: {bits} bits in 16? Scale it to its "
            "true range"
        )
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        values = largest - values
    grey = Image.fromarray(np.round(values * (255 / largest)).astype(np.uint8))
    if not opaque.all():
        grey.putalpha(Image.fromarray(opaque.astype(np.uint8) * 255))
    return grey
