from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipeline.data import check, open_images, prepare
from pipeline.data.imagenet16 import IMAGENET16, make_imagenet16, read
from pipeline.errors import InputError


@pytest.fixture
def imagenet(tmp_path):
    """121 classes whose order in map_clsloc.txt is not the sorted one; 64x48 pixels."""
    root = tmp_path / "imagenet"
    wnids = [f"n{(7 * i) % 121:08d}" for i in range(121)]
    lines = [f"{wnid} {i + 1} name_{i}\n" for i, wnid in enumerate(wnids)]
    root.mkdir()
    (root / "map_clsloc.txt").write_text("".join(lines))
    for part in ("train", "val"):
        for i, wnid in enumerate(wnids):
            (root / part / wnid).mkdir(parents=True)
            pixels = np.zeros((48, 64, 3), np.uint8)
            pixels[:, :4] = 200  # the first of 16 columns, the rest carries the class
            pixels[:, 4:] = i
            Image.fromarray(pixels).save(root / part / wnid / "0.png")
    return root


def test_only_the_first_120_classes_are_kept(stand_in, tmp_path):
    stand_in("imagenet16")
    images, labels = read(tmp_path, "train")
    assert images.shape == (1200, 3, 16, 16)
    assert labels.tolist() == [*range(120)] * 10


def test_made_from_a_local_imagenet(imagenet, tmp_path, stand_in, monkeypatch):
    make_imagenet16(imagenet, tmp_path)
    images, labels = read(tmp_path, "train")
    assert labels.tolist() == list(range(120))  # the order of map_clsloc.txt
    expected = np.broadcast_to(np.arange(120)[:, None, None, None], (120, 3, 16, 15))
    np.testing.assert_array_equal(images[..., 1:], expected)  # box means of constant areas
    assert (images[..., 0] == 200).all()
    check(IMAGENET16, tmp_path)


def test_the_made_files_serve_the_same_loader(imagenet, tmp_path, monkeypatch):
    from dataclasses import replace

    from pipeline import registry
    from pipeline.registry import Entry

    small = replace(IMAGENET16, n_train=120, n_test=120)
    monkeypatch.setitem(registry._entries["datasets"], "imagenet16", Entry("imagenet16", small))
    make_imagenet16(imagenet, tmp_path)
    manifest = prepare(small, tmp_path, tmp_path / "out", 0)
    opened = open_images(manifest, tmp_path, "weights", tmp_path / "out" / "split.npz")
    assert opened.n == 60
    (tmp_path / "ImageNet16" / "train.npz").write_bytes(b"PK broken")
    with pytest.raises(InputError, match=r"train.npz: damaged"):
        open_images(manifest, tmp_path, "train")


def test_box_filter_averages_areas(imagenet, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    target = imagenet / "train" / "n00000000" / "0.png"
    Image.fromarray(noise).save(target)
    make_imagenet16(imagenet, tmp_path)
    areas = noise.reshape(16, 3, 16, 4, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    # Pillow rounds after the columns and again after the rows.
    assert np.abs(read(tmp_path, "train")[0][0] - areas).max() <= 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "map_clsloc.txt").unlink(), "map_clsloc.txt: missing"),
        (lambda root: (root / "map_clsloc.txt").write_text("x\n"), "map_clsloc.txt: expected"),
        (lambda root: (root / "val/n00000007/0.png").unlink(), "n00000007: no images"),
        (lambda root: (root / "val/n00000007/0.png").write_text(""), "0.png: not an image"),
    ],
)
def test_an_incomplete_imagenet_is_named(spoil, message, imagenet, tmp_path):
    spoil(imagenet)
    with pytest.raises(InputError, match=message):
        make_imagenet16(imagenet, tmp_path)
