"""Files that programs and cameras write, read as a person sees them."""

from __future__ import annotations

import os
import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps
from torchvision.transforms import v2

from pipeline.data.preprocessing import Preprocessing, inspect, read_image
from pipeline.errors import InputError

RAMP = np.linspace(0, 65_535, 12 * 20).round().astype(np.uint16).reshape(12, 20)


def read(path) -> np.ndarray:
    return np.asarray(read_image(path))


def write_png(path, bits, colour, rows, width, key=None) -> None:
    """Write a PNG of any depth and colour type; `key` is the transparent grey."""
    head = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, 0)
    chunks = [(b"IHDR", head)]
    chunks += [] if key is None else [(b"tRNS", struct.pack(">H", key))]
    chunks += [(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))]
    with path.open("wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
        for name, data in [*chunks, (b"IEND", b"")]:
            checksum = struct.pack(">I", zlib.crc32(name + data))
            stream.write(struct.pack(">I", len(data)) + name + data + checksum)


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
    done = inspect(tmp_path / f"a.{suffix}")[1]
    assert ("turned as EXIF says" in done) == (orientation > 1)


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
        (RAMP // 64, "exceeds 1023: 10 bits in 16"),
        (RAMP // 16, "exceeds 4095: 12 bits in 16"),
        (RAMP // 4, "exceeds 16383: 14 bits in 16"),
        (RAMP.astype(np.int32), "32 bits"),
        (RAMP.astype(np.float32) / 65_535, "floats"),
    ],
)
def test_greys_of_unknown_range_are_refused(pixels, reason, tmp_path):
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=rf"a\.tif: not a whole image \(.*{reason}"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize(("colour", "bands"), [(2, 3), (4, 2), (6, 4)])
def test_a_png_with_colours_of_16_bits_is_refused(colour, bands, tmp_path):
    write_png(tmp_path / "a.png", 16, colour, np.full((2, 3 * bands), 4_095, ">u2"), 3)
    with pytest.raises(InputError, match=r"a\.png: .*colours of 16 bits; convert it to 8 bits"):
        read_image(tmp_path / "a.png")


def test_a_tiff_with_colours_of_16_bits_is_refused(tmp_path):
    shorts = {256: 1, 257: 1, 262: 2, 277: 3, 278: 1}  # width, height, RGB, bands, rows
    entries = [(tag, 3, 1, value) for tag, value in shorts.items()]
    end = 8 + 2 + 12 * 8 + 4
    entries += [(258, 3, 3, end), (273, 4, 1, end + 6), (279, 4, 1, 6)]  # bits, place, length
    data = b"II*\0" + struct.pack("<IH", 8, 8)
    data += b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries)) + bytes(4)
    (tmp_path / "a.tif").write_bytes(data + struct.pack("<6H", 16, 16, 16, *[4_095] * 3))
    with pytest.raises(InputError, match=r"a\.tif: .*colours of 16 bits"):
        read_image(tmp_path / "a.tif")


def test_a_transparent_grey_of_16_bits_is_white(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "a.png", transparency=int(RAMP[0, 0]))
    found, done = inspect(tmp_path / "a.png")
    pixels = np.asarray(found)[..., 0]
    assert pixels[0, 0] == 255
    assert np.abs(pixels - RAMP / 257).ravel()[1:].max() <= 1
    assert done == ("grey of 16 bits scaled to 8", "put on white")


def test_a_transparent_grey_does_not_hide_an_unknown_range(tmp_path):
    values = RAMP // 4
    values[0, 0] = 65_535
    Image.fromarray(values).save(tmp_path / "a.png", transparency=65_535)
    with pytest.raises(InputError, match="14 bits in 16"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize(("bits", "row"), [(1, 0b01 << 6), (2, 0b0001 << 4), (4, 0x01)])
def test_a_transparent_grey_of_few_bits_is_white(bits, row, tmp_path):
    """The first pixel is 0, which is black; the second is 1, which is transparent."""
    write_png(tmp_path / "a.png", bits, 0, np.array([[row]], np.uint8), 2, key=1)
    assert read(tmp_path / "a.png")[0, :, 0].tolist() == [0, 255]


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
