import pickle

import pytest
import torch

from pipeline.errors import InputError
from pipeline.training import checkpoint

SETTINGS = {"seed": 0, "train": {"epochs": 3, "learning_rate": 0.1}, "genotype": [["none", 0]]}


def state(value):
    return {"weight": torch.full((1000,), float(value)), "epoch": value, "history": [{"loss": 0.5}]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "train.pt"


def test_nothing_saved_is_none(path):
    assert checkpoint.load(path, SETTINGS) is None


def test_what_was_saved_comes_back(path):
    checkpoint.save(path, state(1), SETTINGS)
    checkpoint.save(path, state(2), SETTINGS)
    loaded = checkpoint.load(path, SETTINGS)
    assert loaded["epoch"] == 2
    assert loaded["history"] == [{"loss": 0.5}]
    assert torch.equal(loaded["weight"], torch.full((1000,), 2.0))


def test_tuples_and_lists_are_the_same_settings(path):
    checkpoint.save(path, state(1), {"halves": (0.5, 0.5)})
    assert checkpoint.load(path, {"halves": [0.5, 0.5]})["epoch"] == 1


def cut(content):
    return content[: len(content) // 2]


def empty(content):
    return b""


def flip_a_byte(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [cut, empty, flip_a_byte])
def test_a_damaged_checkpoint_gives_way_to_the_previous_with_a_warning(path, damage, warned):
    checkpoint.save(path, state(1), SETTINGS)
    checkpoint.save(path, state(2), SETTINGS)
    path.write_bytes(damage(path.read_bytes()))
    assert checkpoint.load(path, SETTINGS)["epoch"] == 1
    (told,) = warned()
    assert str(path) in told and "damaged" in told


def test_saving_over_a_damaged_checkpoint_keeps_the_whole_one(path):
    checkpoint.save(path, state(1), SETTINGS)
    checkpoint.save(path, state(2), SETTINGS)
    path.write_bytes(cut(path.read_bytes()))
    checkpoint.load(path, SETTINGS)
    checkpoint.save(path, state(3), SETTINGS)
    path.write_bytes(cut(path.read_bytes()))
    assert checkpoint.load(path, SETTINGS)["epoch"] == 1


def test_killed_between_the_two_renames(path):
    checkpoint.save(path, state(1), SETTINGS)
    path.rename(path.with_name("train.pt.previous"))
    assert checkpoint.load(path, SETTINGS)["epoch"] == 1


def test_both_damaged_starts_anew(path, warned):
    checkpoint.save(path, state(1), SETTINGS)
    checkpoint.save(path, state(2), SETTINGS)
    for file in path.parent.iterdir():
        file.write_bytes(cut(file.read_bytes()))
    assert checkpoint.load(path, SETTINGS) is None
    assert len(warned()) == 2


def test_a_failed_save_leaves_the_last_one(path):
    checkpoint.save(path, state(1), SETTINGS)
    with pytest.raises(AttributeError):
        checkpoint.save(path, {"lambda": lambda: None}, SETTINGS)
    assert checkpoint.load(path, SETTINGS)["epoch"] == 1
    assert [file.name for file in path.parent.iterdir()] == ["train.pt"]


def test_other_settings_are_refused_naming_keys_and_remedy(path):
    checkpoint.save(path, state(1), SETTINGS)
    changed = {
        "seed": 0,
        "train": {"epochs": 3, "learning_rate": 0.2},
        "genotype": [["skip_connect", 0]],
        "new": 1,
    }
    with pytest.raises(InputError) as caught:
        checkpoint.load(path, changed)
    line = str(caught.value)
    assert "\n" not in line
    assert "train.learning_rate: 0.1 -> 0.2" in line
    assert "genotype" in line and "new: None -> 1" in line
    assert "seed" not in line and "epochs" not in line
    assert "delete" in line and str(path.parent) in line


def test_code_in_a_checkpoint_is_not_run(path, tmp_path, warned):
    class Attack:
        def __reduce__(self):
            return (open, (str(tmp_path / "attacked"), "w"))

    path.parent.mkdir()
    torch.save({"settings": "{}", "state": Attack()}, path, pickle_module=pickle)
    assert checkpoint.load(path, {}) is None
    assert not (tmp_path / "attacked").exists()
    assert any("damaged" in line for line in warned())


def test_other_threads_or_ranks_are_named(path, monkeypatch, warned):
    """Sums of two threads round differently than those of one."""
    monkeypatch.setattr(checkpoint.torch, "get_num_threads", lambda: 1)
    checkpoint.save(path, state(1), SETTINGS)
    assert checkpoint.load(path, SETTINGS)["epoch"] == 1
    assert not warned()
    monkeypatch.setattr(checkpoint.torch, "get_num_threads", lambda: 2)
    assert checkpoint.load(path, SETTINGS)["epoch"] == 1
    (told,) = warned()
    assert "threads: 1 -> 2; sums round differently" in told
