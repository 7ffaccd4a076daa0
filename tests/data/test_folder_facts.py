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
