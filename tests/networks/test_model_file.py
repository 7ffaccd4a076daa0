"""Ready models: what is saved comes back, what is broken is named."""

import pytest
import torch
import torchvision

from pipeline.data.preprocessing import Preprocessing
from pipeline.errors import InputError
from pipeline.networks import build, load_model, resolve, save_model

MANIFEST = {
    "image_size": 8,
    "resize_size": 9,
    "mean": (0.1, 0.2, 0.3),
    "std": (0.4, 0.5, 0.6),
    "class_names": ["a", "b", "c"],
    "fingerprint": "not of the model's concern",
}


@pytest.fixture
def saved(tmp_path):
    network = build("pc_darts_cifar", classes=3, channels=4, cells=3, auxiliary=True)
    network(torch.randn(8, 3, 8, 8))  # moves the running statistics away from their start
    path = tmp_path / "folder" / "model.pt"
    save_model(path, network, resolve("pc_darts_cifar"), "cifar10", MANIFEST)
    return path, network


def test_a_model_comes_back_ready_to_use(saved):
    path, network = saved
    state = torch.get_rng_state()
    loaded, meta = load_model(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert not loaded.training
    images = torch.randn(2, 3, 8, 8)
    network.eval()
    for ours, theirs in zip(
        loaded.forward_with_auxiliary(images), network.forward_with_auxiliary(images), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert meta == {
        "format": "shapley-nas-model",
        "version": 1,
        "genotype": resolve("pc_darts_cifar").to_json(),
        "layout": "cifar10",
        "classes": 3,
        "channels": 4,
        "cells": 3,
        "auxiliary": True,
        "image_size": 8,
        "mean": [0.1, 0.2, 0.3],
        "std": [0.4, 0.5, 0.6],
        "class_names": ["a", "b", "c"],
        "preprocessing": Preprocessing(8, 9, MANIFEST["mean"], MANIFEST["std"]).to_json(),
    }


def test_resnet18_is_that_of_torchvision_and_comes_back(tmp_path):
    network = build("darts_v2", "resnet18", classes=3)
    theirs = torchvision.models.resnet18(num_classes=3)
    weights = [*network.body.state_dict().values(), *network.classifier.state_dict().values()]
    theirs.load_state_dict(dict(zip(theirs.state_dict(), weights, strict=True)))
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(network.eval()(images), theirs.eval()(images))
    save_model(tmp_path / "model.pt", network, resolve("darts_v2"), "resnet18", MANIFEST)
    assert torch.equal(load_model(tmp_path / "model.pt")[0](images), network(images))


def test_names_of_classes_may_be_unknown(tmp_path):
    arch = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
    network = build(arch, "nasbench201", channels=2, cells=1)
    manifest = {key: value for key, value in MANIFEST.items() if key != "class_names"}
    save_model(tmp_path / "model.pt", network, resolve(arch), "nasbench201", manifest)
    assert load_model(tmp_path / "model.pt")[1]["class_names"] is None


def test_broken_files_are_named(saved, tmp_path):
    path, _ = saved
    whole = path.read_bytes()
    for name, content in {
        "cut.pt": whole[: len(whole) // 2],
        "text.pt": b"abc",
        "no.pt": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=rf"{name}: not a readable model file") as caught:
            load_model(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"absent.pt: no such file"):
        load_model(tmp_path / "absent.pt")


def test_foreign_contents_are_refused(tmp_path):
    path = tmp_path / "model.pt"
    for content, message in (
        ({"state_dict": {}}, "not of format"),
        ([1, 2], "expected a dictionary"),
        ({"format": "shapley-nas-model", "version": 2}, "version 2"),
    ):
        torch.save(content, path)
        with pytest.raises(InputError, match=message):
            load_model(path)


class Harmful:
    def __reduce__(self):
        return (print, ("run by the unpickler",))


def test_no_code_is_run(tmp_path, capsys):
    path = tmp_path / "model.pt"
    torch.save({"format": "shapley-nas-model", "version": 1, "genotype": Harmful()}, path)
    with pytest.raises(InputError, match="not a readable model file"):
        load_model(path)
    assert capsys.readouterr().out == ""
