"""The test part is read by nothing before the final evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.data import Augment, open_images, prepare


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn", "imagenet16", "imagenet"])
def test_no_test_file_is_opened(name, stand_in, tmp_path, generator, opened_files):
    dataset = stand_in(name)
    test_files = {str(tmp_path / file.path) for file in dataset.files if file.part == "test"}
    test_files |= {str(path) for path in tmp_path.glob("imagenet/val/*/*")}
    assert test_files
    for path in map(Path, test_files):
        path.write_bytes(b"")  # whoever reads it fails
    opened_files.clear()
    out = tmp_path / "out"
    manifest = prepare(dataset, tmp_path, out, 0)
    for part in ("weights", "value", "train"):
        images = open_images(manifest, tmp_path, part, out / "split.npz")
        for _ in images.batches(8, generator, Augment(2, True)):
            pass
        images.sample(4, generator)
    opened = {str(Path(path).absolute()) for path in opened_files if path}
    assert any(path.startswith(str(tmp_path)) for path in opened)  # the tripwire is set
    assert not opened & test_files


def test_the_tripwire_works(stand_in, tmp_path, opened_files):
    dataset = stand_in("cifar10")
    manifest = prepare(dataset, tmp_path, tmp_path / "out", 0)
    open_images(manifest, tmp_path, "test")
    assert str(tmp_path / "cifar-10-batches-py" / "test_batch") in opened_files
