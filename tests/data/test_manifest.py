from __future__ import annotations

import csv
import functools
import json
import tarfile
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torchvision.datasets import ImageFolder

from pipeline.config.folders import FolderSettings
from pipeline.data import check, find, open_images, prepare
from pipeline.data.manifest import balanced_halves, halves
from pipeline.errors import InputError
from pipeline.files import below, digest
from pipeline.staging import stage_in
from tests.data.stand_ins import image_folder


@given(
    n=st.integers(2, 5000),
    fractions=st.sampled_from([(0.5, 0.5), (0.8, 0.2), (0.1, 0.9), (0.7, 0.3), (0.3, 0.3)]),
    seed=st.integers(0, 2**32),
)
def test_halves_are_disjoint_and_sorted(n, fractions, seed):
    if min(fractions) * n < 1:
        return
    weights, value = halves(n, fractions, seed)
    assert len(np.intersect1d(weights, value)) == 0
    for indices, fraction in ((weights, fractions[0]), (value, fractions[1])):
        assert (np.diff(indices) > 0).all() and indices[0] >= 0 and indices[-1] < n
        assert abs(len(indices) - fraction * n) < 1
        assert indices.dtype == np.int64


@given(st.lists(st.sampled_from(["..", ".", "a", "", "b..", "...", "a\nb", "%2e%2e"]), min_size=1))
def test_a_named_folder_is_below_the_data_root(parts):
    """By walking the parts, in which `..` may never lead above the root."""
    name, depth, outside = "/".join(parts).lstrip("/"), 0, False
    for part in name.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        outside |= depth < 0
    if outside:
        with pytest.raises(InputError, match="leads out of"):
            below(Path("/data/root"), name)
    else:
        assert below(Path("/data/root"), name) == Path("/data/root", name)


def test_a_manifest_that_leads_out_of_the_data_root(tmp_path):
    manifest = {"name": "pets", "kind": "folder", "path": "../outside", "n_train": 1}
    with pytest.raises(InputError, match=r"\.\./outside: leads out of"):
        open_images({**manifest}, tmp_path / "root", "train")
    with pytest.raises(InputError, match=r"\.\./outside: leads out of"):
        stage_in({**manifest, "fingerprint": "0" * 16}, tmp_path / "root", tmp_path / "local")
    settings = FolderSettings(path="../outside", image_size=8)
    with pytest.raises(InputError, match=r"\.\./outside: leads out of"):
        check(find("pets", {"pets": settings}), tmp_path / "root")


def test_halves_depend_on_the_seed_only():
    first, again, other = (halves(1000, (0.5, 0.5), seed) for seed in (0, 0, 1))
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first[0], other[0])
    assert np.array_equal(np.sort(np.concatenate(first)), np.arange(1000))


@pytest.mark.parametrize("fractions", [(0.6, 0.6), (1.0, 0.1)])
def test_fractions_that_exceed_the_whole(fractions):
    with pytest.raises(InputError, match=r"split: weights_fraction .* exceed 1"):
        halves(100, fractions, 0)


@pytest.mark.parametrize("fractions", [(0.0, 0.5), (0.5, 0.001), (1.0, 0.0)])
def test_fractions_that_leave_a_part_empty(fractions):
    with pytest.raises(InputError, match=r"^split\.\w+_fraction: .* is (none|all) of them"):
        halves(100, fractions, 0)


@given(
    st.floats(0, 1, exclude_min=True, exclude_max=True),
    st.floats(0, 1, exclude_min=True, exclude_max=True),
    st.integers(0, 300),
)
def test_any_fractions_leave_images_in_both_parts_or_are_refused(for_weights, for_value, n):
    try:
        weights, value = halves(n, (for_weights, for_value), 0)
    except InputError as error:
        assert "split" in str(error) and "\n" not in str(error)
    else:
        assert 0 < len(weights) < n and 0 < len(value) < n
        assert not set(weights) & set(value)


def test_written_as_read_and_alike_twice(stand_in, tmp_path):
    dataset = stand_in("cifar10")
    manifest = prepare(dataset, tmp_path, tmp_path / "a", 4, (0.25, 0.5))
    prepare(dataset, tmp_path, tmp_path / "b", 4, (0.25, 0.5))
    assert json.loads((tmp_path / "a" / "manifest.json").read_text()) == manifest
    assert (manifest["n_weights"], manifest["n_value"], manifest["n_train"]) == (25, 50, 100)
    for name in ("manifest.json", "split.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "manifest.json",
        "split.npz",
    ]


def test_halves_are_the_images_that_the_split_names(stand_in, tmp_path):
    dataset = stand_in("cifar10")
    manifest = prepare(dataset, tmp_path, tmp_path / "out", 0)
    split = np.load(tmp_path / "out" / "split.npz")
    images, labels = dataset.read(tmp_path, "train")
    for part in ("weights", "value"):
        opened = open_images(manifest, tmp_path, part, tmp_path / "out" / "split.npz")
        np.testing.assert_array_equal(opened.pixels.numpy(), images[split[part]])
        np.testing.assert_array_equal(opened.labels.numpy(), labels[split[part]])


def test_the_fingerprint_is_of_the_training_part(stand_in, tmp_path):
    dataset = stand_in("cifar10")

    def fingerprint(read):
        return prepare(replace(dataset, read=read), tmp_path, tmp_path / "out", 0)["fingerprint"]

    def relabelled(root, part):
        images, labels = dataset.read(root, part)
        return images, labels[::-1].copy()

    assert fingerprint(dataset.read) == fingerprint(lambda root, part: dataset.read(root, part))
    assert fingerprint(dataset.read) != fingerprint(relabelled)


def test_digits64_is_made_once_and_whole(stand_in, tmp_path):
    dataset = stand_in("digits64")
    prepare(dataset, tmp_path, tmp_path / "out", 0)
    made = sorted(tmp_path.rglob("digits64/*/*/*.png"))
    assert len(made) == 1437 + 360
    stamp = made[0].stat().st_mtime_ns
    prepare(dataset, tmp_path, tmp_path / "out", 0)
    assert made[0].stat().st_mtime_ns == stamp
    assert not list(tmp_path.glob(".digits64*"))


def test_digits64_half_written_leaves_nothing(stand_in, tmp_path, monkeypatch):
    dataset = stand_in("digits64")
    (tmp_path / "full").write_text("")
    with pytest.raises(InputError, match=r"digits64: cannot write .*full/digits64"):
        dataset.make(tmp_path / "full")
    monkeypatch.setattr("PIL.Image.Image.save", _fail_at_the_tenth())
    with pytest.raises(InputError, match="disk full"):
        dataset.make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def _fail_at_the_tenth():
    calls = iter(range(10))

    def save(image, path):
        if next(calls) == 9:
            raise OSError("disk full")

    return save


@pytest.fixture
def archive(stand_in, tmp_path, monkeypatch):
    """CIFAR-10's stand-in as the archive that torchvision fetches, served on this machine."""
    dataset = stand_in("cifar10")
    base = torchvision.datasets.CIFAR10
    source = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(source, "w:gz") as tar:
        tar.add(tmp_path / base.base_folder, base.base_folder)
    md5 = {file.path.split("/")[1]: file.md5 for file in dataset.files}
    for table in ("train_list", "test_list"):
        monkeypatch.setattr(base, table, [[n, md5[n]] for n, _ in getattr(base, table)])
    monkeypatch.setattr(base, "meta", {**base.meta, "md5": md5[base.meta["filename"]]})
    monkeypatch.setattr(base, "tgz_md5", digest(source, "md5"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(base, "url", f"http://127.0.0.1:{server.server_port}/{source.name}")
        yield dataset
        server.shutdown()


def test_download_is_opt_in(archive, tmp_path):
    with pytest.raises(InputError, match=r"--config download=true.*--download"):
        prepare(archive, tmp_path / "new", tmp_path / "out", 0)
    assert not (tmp_path / "new").exists()
    manifest = prepare(archive, tmp_path / "new", tmp_path / "out", 0, download=True)
    assert manifest["n_train"] == 100


def test_a_download_that_fails_is_one_line(archive, tmp_path, monkeypatch):
    base = torchvision.datasets.CIFAR10
    monkeypatch.setattr(base, "url", base.url.replace("cifar-10", "absent"))
    with pytest.raises(InputError, match=r"CIFAR10: download to .* failed \(") as error:
        prepare(archive, tmp_path / "new", tmp_path / "out", 0, download=True)
    assert "\n" not in str(error.value)


@given(
    sizes=st.lists(st.integers(40, 90), min_size=1, max_size=6),
    fractions=st.sampled_from([(0.5, 0.5), (0.1, 0.025), (0.8, 0.2)]),
    seed=st.integers(0, 2**32),
)
def test_balanced_parts_are_disjoint_and_have_each_class_in_its_share(sizes, fractions, seed):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    weights, value = balanced_halves(labels, fractions, seed)
    assert len(np.intersect1d(weights, value)) == 0
    for indices, fraction in ((weights, fractions[0]), (value, fractions[1])):
        counts = np.bincount(labels[indices], minlength=len(sizes))
        assert (np.abs(counts - fraction * np.array(sizes)) < 1).all()
        assert (np.diff(indices) > 0).all()


def test_the_images_of_a_search_on_a_folder_are_listed(tmp_path):
    image_folder(tmp_path / "mine", ("cat", "dog", "eel"), (40, 34))
    mine = find("mine", {"mine": FolderSettings(path="mine", image_size=24)})
    for name in ("a", "b"):
        prepare(mine, tmp_path, tmp_path / name, 3, (0.5, 0.25), balanced=True)
    text = (tmp_path / "a" / "search_images.csv").read_text()
    assert text == (tmp_path / "b" / "search_images.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    paths = [row["image"] for row in rows]
    assert len(set(paths)) == len(paths)
    # Counted by torchvision's own labels; nothing of the validation folder is among them.
    labels = dict(ImageFolder(tmp_path / "mine" / "train").samples)
    for part, n in (("weights", 3), ("value", 1)):
        own = [labels[str(tmp_path / "mine" / r["image"])] for r in rows if r["part"] == part]
        assert np.bincount(own).tolist() in ([n] * 3, [n + 1] * 3)
