"""What preparing a folder of images finds out and says."""

from __future__ import annotations

import os
import shutil

import pytest
from PIL import Image

from pipeline.config.folders import FolderSettings
from pipeline.data import find, open_images, prepare
from pipeline.errors import InputError
from tests.data.stand_ins import image_folder

SETTINGS = FolderSettings(path="mine", image_size=24, resize_size=28)


@pytest.fixture
def prepared(tmp_path):
    """Prepare the folder; its manifest and what was said."""
    image_folder(tmp_path / "mine", ("cat", "dog"), (40, 34))

    def prepare_it():
        said: list[str] = []
        dataset = find("mine", {"mine": SETTINGS})
        return prepare(dataset, tmp_path, tmp_path / "out", 0, say=said.append), said

    return prepare_it


def test_counts_of_each_class_are_said(prepared, tmp_path):
    next((tmp_path / "mine" / "train" / "dog").iterdir()).unlink()
    n = {p: {c: len(list((tmp_path / "mine" / p / c).iterdir())) for c in ("cat", "dog")}
         for p in ("train", "val")}  # fmt: skip
    _, said = prepared()
    assert said == [
        f"images for training + validation: cat {n['train']['cat']} + {n['val']['cat']}, "
        f"dog {n['train']['dog']} + {n['val']['dog']}"
    ]


def test_all_bad_images_of_both_parts_are_listed(prepared, tmp_path):
    bad = [
        tmp_path / "mine" / part for part in ("train/cat/0.jpg", "train/dog/1.jpg", "val/cat/0.jpg")
    ]
    for path in bad:
        assert path.exists()
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"3 of \d+ images cannot be used") as error:
        prepared()
    assert all(str(path) in str(error.value) for path in bad)
    assert not (tmp_path / "out").exists()


def test_an_image_of_both_parts_is_reported(prepared, tmp_path):
    folder = tmp_path / "mine"
    shutil.copy(folder / "train" / "cat" / "0.jpg", folder / "val" / "cat" / "copy.jpg")
    _, said = prepared()
    (line,) = (line for line in said if line.startswith("warning"))
    assert "1 images of val/ stand in train/ too" in line and "val/cat/copy.jpg" in line


def test_what_was_done_to_images_is_said(prepared, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.linear_gradient("L").save(tmp_path / "mine" / "train" / "cat" / "0.jpg", exif=exif)
    Image.new("RGBA", (40, 40)).save(tmp_path / "mine" / "train" / "cat" / "9.png")
    (tmp_path / "mine" / "train" / "cat" / "notes.txt").write_text("x")
    _, said = prepared()
    assert "1 images turned as EXIF says" in said and "1 images put on white" in said
    assert any(line.startswith("1 files are no images") and "notes.txt" in line for line in said)


def test_names_in_any_bytes_go_the_whole_way(prepared, tmp_path):
    for part in ("train", "val"):
        folder = tmp_path / "mine" / part / "cat"
        (folder / "0.jpg").rename(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.jpg"))
        folder.rename(os.fsdecode(os.fsencode(folder.parent) + b"/c\xe4t"))
    manifest, _ = prepared()
    assert manifest["class_names"] == [r"c\xe4t", "dog"]
    assert r"c\xe4t/\xff\xfe.jpg" in (tmp_path / "out" / "search_images.csv").read_text()
    images = open_images(manifest, tmp_path, "train")
    assert sum(len(labels) for _, labels in images.batches(4)) == images.n


def test_every_one_of_many_bad_images_is_named(prepared, tmp_path):
    """Each once, either in the error or in a line before it."""
    bad = [tmp_path / "mine" / "train" / "dog" / f"cut {i}.jpg" for i in range(47)]
    for path in bad:
        path.write_bytes(b"\xff\xd8\xff")
    said: list[str] = []
    with pytest.raises(InputError, match=r"47 of \d+ .*; the other 27 are named above$") as error:
        prepare(find("mine", {"mine": SETTINGS}), tmp_path, tmp_path / "out", 0, say=said.append)
    text = "\n".join([*said, str(error.value)])
    assert all(text.count(str(path)) == 1 for path in bad)


PICTURE = Image.effect_mandelbrot((90, 70), (-2, -1, 1, 1), 40)


def in_colours(path) -> Image.Image:
    """A smooth picture with details, as a photograph has."""
    bands = [PICTURE, PICTURE.transpose(Image.Transpose.FLIP_LEFT_RIGHT), PICTURE.rotate(180)]
    Image.merge("RGB", bands).save(path, quality=90)
    return Image.open(path)


@pytest.mark.parametrize("form", ["png", "bmp", "metadata", "turned"])
def test_the_same_pixels_in_another_file_are_reported(form, prepared, tmp_path):
    train, val = tmp_path / "mine" / "train" / "dog", tmp_path / "mine" / "val" / "cat"
    picture = in_colours(train / "z.jpg")
    exif = Image.Exif()
    if form == "metadata":
        data = (train / "z.jpg").read_bytes()
        (val / "copy.jpg").write_bytes(data[:2] + b"\xff\xfe\x00\x07hello" + data[2:])  # a comment
    elif form == "turned":
        exif[0x0112] = 3
        picture.transpose(Image.Transpose.ROTATE_180).save(val / "copy.png", exif=exif)
    else:
        picture.save(val / f"copy.{form}")
    _, said = prepared()
    (line,) = (line for line in said if line.startswith("warning"))
    assert "1 images of val/ stand in train/ too" in line
    assert "train/dog/z.jpg = " in line and "val/cat/copy." in line


@pytest.mark.parametrize("form", ["jpeg at 30", "webp", "half the size"])
def test_a_picture_saved_again_with_losses_is_reported(form, prepared, tmp_path):
    train, val = tmp_path / "mine" / "train" / "dog", tmp_path / "mine" / "val" / "cat"
    picture = in_colours(train / "z.jpg")
    if form == "half the size":
        picture.resize((45, 35)).save(val / "copy.jpg", quality=90)
    else:
        picture.save(val / f"copy.{'webp' if form == 'webp' else 'jpg'}", quality=30)
    _, said = prepared()
    (line,) = (line for line in said if line.startswith("warning"))
    assert "1 images of val/ " in line and "look like images" in line
    assert "train/dog/z.jpg ~ " in line and "val/cat/copy." in line


def test_no_two_photographs_of_imagenette_look_alike(real_data, tmp_path):
    folder = real_data / "imagenette_subset"
    if not folder.is_dir():
        pytest.skip(f"real data: no {folder}")
    for path in sorted(folder.glob("*/*/*.*"))[::5]:
        target = tmp_path / "mine" / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    said: list[str] = []
    prepare(find("mine", {"mine": SETTINGS}), tmp_path, tmp_path / "out", 0, say=said.append)
    assert not [line for line in said if line.startswith("warning")]
