"""Every registered data set, by its stand-in."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline import registry
from pipeline.config.folders import FolderSettings
from pipeline.data import check, cifar, find, open_images, prepare, svhn
from pipeline.data.digits import read as read_digits
from pipeline.data.download import torchvision_archive
from pipeline.data.spec import of_folder, read_manifest
from pipeline.errors import InputError
from pipeline.files import write_json
from tests.data.stand_ins import STAND_INS, image_folder

NAMES = registry.names("datasets")


def test_every_data_set_has_a_stand_in():
    assert sorted(STAND_INS) == NAMES, "add a stand-in to tests/data/stand_ins.py"


@pytest.mark.parametrize("name", NAMES)
def test_says_where_it_comes_from(name):
    dataset = registry.get("datasets", name)
    assert dataset.name == name
    assert dataset.source and dataset.licence and dataset.citation
    if dataset.kind == "small":
        assert dataset.read and dataset.class_names and dataset.mean and dataset.std


@pytest.mark.parametrize("name", NAMES)
def test_opens_in_all_parts(name, stand_in, tmp_path):
    dataset = stand_in(name)
    out = tmp_path / "out"
    manifest = prepare(dataset, tmp_path, out, split_seed=3)
    parts = {
        part: open_images(manifest, tmp_path, part, out / "split.npz")
        for part in ("weights", "value", "train", "test")
    }
    assert parts["train"].n == manifest["n_train"] and parts["test"].n == manifest["n_test"]
    assert parts["weights"].n == round(dataset.search_fractions[0] * manifest["n_train"])
    for images in parts.values():
        assert (images.classes, images.image_size) == (manifest["classes"], dataset.image_size)
        batch, labels = next(images.batches(4))
        assert batch.shape == (4, 3, dataset.image_size, dataset.image_size)
        assert batch.dtype == torch.float32 and torch.isfinite(batch).all()
        assert labels.dtype == torch.int64 and 0 <= labels.min() <= labels.max() < images.classes
    assert len(manifest["class_names"]) == manifest["classes"]


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("digits")])
def test_missing_files_give_one_line(name, tmp_path):
    dataset = registry.get("datasets", name)
    with pytest.raises(InputError) as error:
        check(dataset, tmp_path / "nowhere")
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"{name}: ")
    assert str(tmp_path / "nowhere") in message and dataset.source in message
    for file in dataset.files:
        assert file.md5 in message and file.path.split("/")[-1] in message


def test_unknown_name_suggests_the_nearest():
    folders = {"my_images": FolderSettings(path="x")}
    with pytest.raises(InputError, match="did you mean 'cifar10'"):
        find("cifar1O")
    with pytest.raises(InputError, match="did you mean 'my_images'"):
        find("my_image", folders)
    assert find("my_images", folders).path == "x"
    with pytest.raises(InputError, match="built-in"):
        find("digits", {"digits": FolderSettings(path="x")})


def test_resize_size_of_a_folder():
    sizes = {"image_size": 64, "resize_size": 60}
    with pytest.raises(ValidationError, match="resize_size 60 is smaller than image_size 64"):
        FolderSettings(path="x", **sizes)
    assert of_folder("x", FolderSettings(path="x")).resize_size == 256
    assert of_folder("x", FolderSettings(path="x", image_size=64)).resize_size == 73


def test_importing_the_specifications_needs_no_torch():
    code = (
        "import sys; from pipeline.data import check, find; find('digits');"
        "heavy = {'torch', 'torchvision', 'mlflow', 'sklearn', 'scipy'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_checksums_are_torchvisions():
    for ours, theirs in (
        (cifar.FILES10, torchvision.datasets.CIFAR10),
        (cifar.FILES100, torchvision.datasets.CIFAR100),
    ):
        published = dict([*theirs.train_list, *theirs.test_list])
        published[theirs.meta["filename"]] = theirs.meta["md5"]
        assert {file.path: file.md5 for file in ours} == {
            f"{theirs.base_folder}/{name}": md5 for name, md5 in published.items()
        }
        tests = {f"{theirs.base_folder}/{name}" for name, _ in theirs.test_list}
        assert {file.path for file in ours if file.part == "test"} == tests
    assert {file.part: (file.path, file.md5) for file in svhn.FILES} == {
        part: tuple(torchvision.datasets.SVHN.split_list[part][1:]) for part in ("train", "test")
    }


@pytest.mark.parametrize(("name", "theirs"), [("cifar10", "CIFAR10"), ("cifar100", "CIFAR100")])
def test_cifar_is_read_as_torchvision_reads_it(name, theirs, stand_in, tmp_path, monkeypatch):
    dataset = stand_in(name)
    base = getattr(torchvision.datasets, theirs)
    md5 = {file.path.split("/")[1]: file.md5 for file in dataset.files}
    for table in ("train_list", "test_list"):
        monkeypatch.setattr(base, table, [[n, md5[n]] for n, _ in getattr(base, table)])
    monkeypatch.setattr(base, "meta", {**base.meta, "md5": md5[base.meta["filename"]]})
    for part in ("train", "test"):
        images, labels = dataset.read(tmp_path, part)
        reference = base(tmp_path, train=part == "train")
        np.testing.assert_array_equal(images.transpose(0, 2, 3, 1), reference.data)
        np.testing.assert_array_equal(labels, reference.targets)
    assert list(dataset.class_names(tmp_path)) == reference.classes


def test_svhn_is_read_as_torchvision_reads_it(stand_in, tmp_path, monkeypatch):
    dataset = stand_in("svhn")
    base = torchvision.datasets.SVHN
    table = {file.part: ["", file.path, file.md5] for file in dataset.files}
    monkeypatch.setattr(base, "split_list", table)
    for part in ("train", "test"):
        images, labels = dataset.read(tmp_path, part)
        reference = base(tmp_path, split=part)
        np.testing.assert_array_equal(images, reference.data)
        np.testing.assert_array_equal(labels, reference.labels)


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    parts = [read_digits(None, part) for part in ("train", "test")]
    assert [len(labels) for _, labels in parts] == [1437, 360]
    digits = load_digits()
    indices = np.arange(len(digits.target))
    cut = train_test_split(indices, test_size=360, stratify=digits.target, random_state=0)
    for (images, labels), chosen in zip(parts, map(np.sort, cut), strict=True):
        np.testing.assert_array_equal(np.rint(images[:, 0] * (16 / 255)), digits.images[chosen])
        np.testing.assert_array_equal(labels, digits.target[chosen])
        assert (images == images[:, :1]).all()
    dataset = registry.get("datasets", "digits")
    pixels = parts[0][0] / 255
    assert pixels.mean(axis=(0, 2, 3)) == pytest.approx(dataset.mean, abs=1e-4)
    assert pixels.std(axis=(0, 2, 3)) == pytest.approx(dataset.std, abs=1e-4)


def test_the_cut_of_the_digits_does_not_drift():
    labels = read_digits(None, "test")[1]
    assert labels[:12].tolist() == [1, 4, 8, 6, 5, 9, 9, 1, 3, 2, 2, 2]


def test_wrong_number_of_images_is_an_error(stand_in, tmp_path):
    dataset = replace(stand_in("cifar10"), n_train=50_000)
    with pytest.raises(InputError, match=r"expected \(50000, 3, 32, 32\)"):
        prepare(dataset, tmp_path, tmp_path / "out", 0)
    assert not (tmp_path / "out").exists()


def test_classes_in_one_part_only_are_an_error(tmp_path):
    image_folder(tmp_path / "mine", ("cat", "dog"), (16, 16))
    (tmp_path / "mine" / "train" / "cow").mkdir()
    dataset = find("mine", {"mine": FolderSettings(path="mine")})
    with pytest.raises(InputError, match=r"mine: .* classes cow are in one of"):
        check(dataset, tmp_path)


def test_real_cifar10_is_torchvisions(real_data):
    if not (real_data / cifar.FOLDER10).is_dir():
        pytest.skip(f"real data: no {cifar.FOLDER10} in {real_data}")
    dataset = registry.get("datasets", "cifar10")
    check(dataset, real_data, parts=("train", "test"))
    images, labels = dataset.read(real_data, "train")
    reference = torchvision.datasets.CIFAR10(real_data, train=True)
    np.testing.assert_array_equal(images.transpose(0, 2, 3, 1), reference.data)
    np.testing.assert_array_equal(labels, reference.targets)
    assert list(dataset.class_names(real_data)) == reference.classes
    channels = images.transpose(1, 0, 2, 3).reshape(3, -1) / 255
    assert channels.mean(axis=1) == pytest.approx(dataset.mean, abs=1e-5)
    assert channels.std(axis=1) == pytest.approx(dataset.std, abs=1e-5)


def test_real_imagenette_is_torchvisions(real_data, tmp_path):
    folder = real_data / "imagenette_subset"
    if not folder.is_dir():
        pytest.skip(f"real data: no imagenette_subset in {real_data}")
    dataset = find("imagenette", {"imagenette": FolderSettings(path="imagenette_subset")})
    manifest = prepare(dataset, real_data, tmp_path, 0)
    assert (manifest["n_train"], manifest["n_test"], manifest["classes"]) == (1200, 500, 10)
    reference = torchvision.datasets.ImageFolder(folder / "val")
    opened = open_images(manifest, real_data, "test")
    assert opened.labels.tolist() == reference.targets
    assert manifest["class_names"] == reference.classes


MANIFEST = {
    "name": "x",
    "kind": "small",
    "path": "",
    "classes": 2,
    "class_names": ["a", "b"],
    "image_size": 8,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "n_train": 9,
    "n_test": 9,
    "fingerprint": "f",
}


@settings(deadline=None)  # it writes to a disk that other jobs use too
@given(
    st.sampled_from([*MANIFEST]),
    st.sampled_from([None, "", -1, 0.5, 10**8, True, [], {}, [0.5], ["a"] * 3, "absent"]),
)
def test_a_manifest_of_another_shape_names_file_and_key(tmp_path_factory, key, value):
    """Whatever the value is: it is a value of that key, or the key is named."""
    path = tmp_path_factory.mktemp("m") / "manifest.json"
    changed = {k: v for k, v in {**MANIFEST, key: value}.items() if (k, v) != (key, "absent")}
    write_json(path, changed)
    try:
        assert read_manifest(path) == changed
    except InputError as error:
        assert f"{path}, prepare the data set again: " in str(error)
        assert key in str(error) or "class" in key
    else:
        assert isinstance(value, str) or (key in ("n_train", "n_test") and value == 10**8)


def test_a_python_that_cannot_unpack_safely_downloads_nothing(tmp_path, monkeypatch):
    """As 3.11.2, which Debian 12 has."""
    monkeypatch.delattr(tarfile, "data_filter")
    fetched = []
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", lambda *_, **__: fetched.append(1))
    with pytest.raises(InputError, match=r"use 3\.11\.4 or newer, or fetch the files yourself"):
        torchvision_archive("CIFAR10")(tmp_path)
    assert not fetched
