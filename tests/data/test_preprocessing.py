"""Files that programs and cameras write, read as a person sees them."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from PIL import Image, ImageOps
from torchvision.transforms import v2

from pipeline.data.preprocessing import Preprocessing, inspect, read_image
from pipeline.errors import InputError

RAMP = np.linspace(0, 65_535, 12 * 20).round().astype(np.uint16).reshape(12, 20)


def read(path) -> np.ndarray:
    return np.asarray(read_image(path))


def assert_ramp(path) -> None:
    """The ramp from black to white, to within one of 256 levels."""
    found = read(path)
    assert found.shape == (12, 20, 3)
    assert np.abs(found[..., 0] - RAMP / 257).max() <= 1


@pytest.mark.parametrize("size", [(90, 40), (40, 91), (33, 33)])
def test_crop_is_torchvisions(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    theirs = v2.Compose([v2.Resize(28), v2.CenterCrop(24), v2.PILToTensor()])
    ours = Preprocessing(24, 28, (0, 0, 0), (1, 1, 1))
    image = Image.fromarray(pixels)
    assert np.array_equal(ours.pixels_of(image), theirs(image).numpy())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_exif_turns_the_image(orientation, suffix, tmp_path):
    image = Image.linear_gradient("L").resize((32, 16)).convert("RGB")
    image.paste((255, 0, 0), (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / f"a.{suffix}", exif=exif)
    stored = Image.open(tmp_path / f"a.{suffix}")
    stored.load()
    upright = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    assert upright.shape[:2] == ((32, 16) if orientation > 4 else (16, 32))
    assert np.array_equal(read(tmp_path / f"a.{suffix}"), upright)
    if suffix == "jpg":
        assert ("turned as EXIF says" in inspect(tmp_path / "a.jpg")[1]) == (orientation > 1)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "L"])
def test_what_is_transparent_is_white(mode, tmp_path):
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((200, 200, 200, 255), (0, 0, 4, 8))
    if mode == "P":
        image.quantize().save(tmp_path / "a.png")
    elif mode in ("RGB", "L"):
        key = (0, 0, 0) if mode == "RGB" else 0
        image.convert(mode).save(tmp_path / "a.png", transparency=key)
    else:
        image.convert(mode).save(tmp_path / "a.png")
    found, done = inspect(tmp_path / "a.png")
    assert np.asarray(found)[:, 4:].min() == 255
    assert np.abs(np.asarray(found)[:, :4].astype(int) - 200).max() <= 1
    assert done == ("put on white",)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_greys_of_16_bits_keep_their_range(suffix, tmp_path):
    Image.fromarray(RAMP).save(tmp_path / f"a.{suffix}")
    assert_ramp(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("largest", [65_535, 4_095, 1_000, 255])
def test_a_pgm_says_its_range(largest, tmp_path):
    values = np.round(RAMP.astype(float) * largest / 65_535)
    data = values.astype(">u2" if largest > 255 else "u1").tobytes()
    (tmp_path / "a.pgm").write_bytes(f"P5 20 12 {largest}\n".encode() + data)
    assert_ramp(tmp_path / "a.pgm")


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (RAMP // 16, "12 bits in 16"),
        (RAMP.astype(np.int32), "32 bits"),
        (RAMP.astype(np.float32) / 65_535, "floats"),
    ],
)
def test_greys_of_unknown_range_are_refused(pixels, reason, tmp_path):
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=rf"a\.tif: not a whole image \(.*{reason}"):
        read_image(tmp_path / "a.tif")


def test_a_file_with_a_broken_exif_block_is_read(tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read(tmp_path / "a.jpg").shape == (8, 8, 3)


def test_no_program_is_started_for_a_file_that_calls_itself_png(tmp_path, monkeypatch):
    """Pillow would start Ghostscript for PostScript."""
    started = tmp_path / "started"
    ghostscript = tmp_path / "gs"
    ghostscript.write_text(f"#!/bin/sh\ntouch {started}\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert shutil.which("gs") == str(ghostscript)
    (tmp_path / "a.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n")
    with pytest.raises(InputError, match="not a whole image"):
        read_image(tmp_path / "a.png")
    assert not started.exists()


def test_a_pipe_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError, match="no regular file"):
        read_image(tmp_path / "a.png")
