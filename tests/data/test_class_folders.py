"""Folders as users have them: links, hidden files, odd names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from torchvision.datasets import ImageFolder

from pipeline.data.class_folders import list_images
from pipeline.errors import InputError
from tests.data.stand_ins import image_folder


@pytest.fixture
def train(tmp_path):
    image_folder(tmp_path / "mine", ("cat", "dog"), (24, 20))
    return tmp_path / "mine" / "train"


def test_order_is_torchvisions(train):
    first = sorted((train / "cat").iterdir())[0]
    for name in ("b", "b-c", "b/x", "Z"):
        (train / "cat" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(first, train / "cat" / name / "again.JPG")
    theirs = ImageFolder(train)
    ours = list_images(train)
    assert [*zip(ours.paths.tolist(), ours.labels.tolist(), strict=True)] == theirs.samples
    assert list(ours.class_names) == theirs.classes


def test_hidden_files_and_folders_never_count(train):
    before = list_images(train)
    (train / ".DS_Store").write_bytes(b"x")
    (train / ".ipynb_checkpoints").mkdir()
    shutil.copy(before.paths[0], train / ".ipynb_checkpoints" / "a.jpg")
    shutil.copytree(train / ".ipynb_checkpoints", train / "cat" / ".ipynb_checkpoints")
    (train / "cat" / "._photo.jpg").write_bytes(b"x")
    (train / "cat" / "Thumbs.db").write_bytes(b"x")
    after = list_images(train)
    assert after.paths.tolist() == before.paths.tolist()
    assert after.class_names == before.class_names
    assert after.left_out == (str(train / "cat" / "Thumbs.db"),)


@pytest.mark.parametrize(
    ("name", "target", "reason"),
    [
        ("cat/again", ".", "in a circle"),
        ("cat/up", "..", "in a circle"),
        ("eel", ".", "in a circle"),
        ("eel", "/usr/share", "out of"),
        ("cat/more", "../../../outside", "out of"),
    ],
)
def test_links_that_lead_astray_are_named(name, target, reason, train, tmp_path):
    (tmp_path / "outside").mkdir()
    (train / name).symlink_to(target)
    with pytest.raises(InputError, match=rf"train/{name}: a link that leads {reason}"):
        list_images(train)


@pytest.mark.parametrize("name", ["cat/loop.jpg", "loop"])
def test_a_link_to_itself_is_named(name, train):
    (train / name).symlink_to(Path(name).name)
    with pytest.raises(InputError, match=rf"train/{name}: a link that leads in a circle"):
        list_images(train)


def test_a_part_that_links_to_itself_is_named(tmp_path):
    (tmp_path / "train").symlink_to("train")
    with pytest.raises(InputError, match="train: a link that leads in a circle"):
        list_images(tmp_path / "train")


@pytest.mark.parametrize("name", ["cat/far.jpg", "far"])
def test_what_cannot_be_read_is_named(name, train):
    """A name that is too long, because root may read everything."""
    (train / name).symlink_to("x" * 300)
    with pytest.raises(InputError, match=rf"train/{name}: cannot be read \(File name too long\)"):
        list_images(train)


@pytest.mark.parametrize("name", ["none", "file", "\0"])
def test_what_is_no_folder_is_named(name, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="no such folder"):
        list_images(tmp_path / name)


def test_links_within_the_folder_are_followed(train):
    (train / "eel").symlink_to("dog")
    assert list_images(train).counts()["eel"] == list_images(train).counts()["dog"]


def test_pipes_are_no_images(train):
    os.mkfifo(train / "cat" / "pipe.jpg")
    assert str(train / "cat" / "pipe.jpg") in list_images(train).left_out


def test_a_class_of_pipes_has_no_image(train):
    (train / "eel").mkdir()
    os.mkfifo(train / "eel" / "pipe.jpg")
    with pytest.raises(InputError, match="train/eel: no image of this class"):
        list_images(train)


def test_names_may_be_any_bytes(train):
    (train / "cat").rename(os.fsdecode(os.fsencode(train) + b"/c\xe4t"))
    listing = list_images(train)
    assert listing.class_names == (r"c\xe4t", "dog")
    assert all(Path(path).exists() for path in listing.paths)


def test_two_classes_of_one_name_are_refused(train):
    (train / "cat").rename(os.fsdecode(os.fsencode(train) + b"/c\xe4t"))
    (train / "dog").rename(train / r"c\xe4t")
    with pytest.raises(InputError) as error:
        list_images(train)
    assert r"b'c\\xe4t' and b'c\xe4t' have the same name" in str(error.value)


def test_a_jfif_file_is_an_image(train):
    first = sorted((train / "cat").iterdir())[0]
    first.rename(first.with_suffix(".jfif"))
    assert str(first.with_suffix(".jfif")) in list_images(train).paths
