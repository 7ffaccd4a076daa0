from __future__ import annotations

import pytest

from pipeline.data import check, open_images, prepare
from pipeline.errors import InputError


def damage(path, how):
    content = path.read_bytes()
    half = len(content) // 2
    changed = content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
    path.write_bytes({"truncated": content[:half], "changed": changed, "empty": b""}[how])


@pytest.mark.parametrize("how", ["truncated", "changed", "empty"])
@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn", "imagenet16"])
def test_a_damaged_file_is_named(name, how, stand_in, tmp_path):
    dataset = stand_in(name)
    check(dataset, tmp_path)
    victim = dataset.files[0]
    damage(tmp_path / victim.path, how)
    with pytest.raises(InputError) as error:
        prepare(dataset, tmp_path, tmp_path / "out", 0)
    message = str(error.value)
    assert "\n" not in message
    assert str(tmp_path / victim.path) in message and f"expected {victim.md5}" in message
    assert dataset.source in message
    assert not (tmp_path / "out").exists()


def test_damage_after_preparation_is_seen_when_opening(stand_in, tmp_path):
    dataset = stand_in("cifar10")
    manifest = prepare(dataset, tmp_path, tmp_path / "out", 0)
    damage(tmp_path / dataset.files[2].path, "truncated")
    with pytest.raises(InputError, match="data_batch_3 is damaged"):
        open_images(manifest, tmp_path, "weights", tmp_path / "out" / "split.npz")


def test_a_damaged_test_file_is_seen_at_the_end_only(stand_in, tmp_path):
    dataset = stand_in("cifar10")
    damage(tmp_path / "cifar-10-batches-py" / "test_batch", "truncated")
    check(dataset, tmp_path)
    manifest = prepare(dataset, tmp_path, tmp_path / "out", 0)
    open_images(manifest, tmp_path, "train")
    with pytest.raises(InputError, match="test_batch is damaged"):
        open_images(manifest, tmp_path, "test")


def test_a_missing_test_file_is_seen_at_once(stand_in, tmp_path):
    dataset = stand_in("cifar10")
    (tmp_path / "cifar-10-batches-py" / "test_batch").unlink()
    with pytest.raises(
        InputError, match=r"not in .*cifar-10-batches-py; .*missing: test_batch \(md5"
    ):
        check(dataset, tmp_path)


@pytest.mark.parametrize("split", [None, "absent.npz", "broken.npz"])
def test_a_split_that_cannot_be_read_is_named(split, stand_in, tmp_path):
    manifest = prepare(stand_in("digits"), tmp_path, tmp_path / "out", 0)
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    path = split and tmp_path / split
    with pytest.raises(InputError, match=f"{path}: (no s|damaged)"):
        open_images(manifest, tmp_path, "value", path)
