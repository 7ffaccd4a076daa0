"""Asking a trained network: predict and evaluate, by hand."""

from __future__ import annotations

import csv
import io
import json
import os
import re

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.config.folders import FolderSettings
from pipeline.data import find, open_images, prepare
from pipeline.networks import build, load_model, save_model
from pipeline.networks.published import resolve
from tests.data.stand_ins import image_folder

NAMES = ("cat", "dog, large", "eel")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A prepared folder, its manifest, and a network that has seen nothing."""
    root = tmp_path_factory.mktemp("photos")
    image_folder(root / "mine", NAMES, (40, 34))
    settings = FolderSettings(path="mine", image_size=16, resize_size=20)
    manifest = prepare(find("mine", {"mine": settings}), root, root / "data", 0)
    torch.manual_seed(0)
    network = build("darts_v2", "cifar10", classes=3, channels=4, cells=3)
    network.train()(torch.randn(16, 3, 16, 16))
    save_model(root / "model.pt", network, resolve("darts_v2"), "cifar10", manifest)
    return root


def expected(photos):
    """Probabilities of the validation images by torch alone."""
    network, _ = load_model(photos / "model.pt")
    manifest = json.loads((photos / "data" / "manifest.json").read_text())
    images, labels = next(open_images(manifest, photos, "test").batches(1000))
    with torch.no_grad():
        return network(images).softmax(1), labels


def test_predict_answers_files_folders_and_patterns(photos, call):
    ways = (
        [photos / "mine" / "val"],
        [photos / "mine" / "val" / name for name in NAMES],
        [photos / "mine" / "val" / "*" / "*.jpg"],
        sorted((photos / "mine" / "val").rglob("*.jpg")),
    )
    outputs = {call("predict", "--model", photos / "model.pt", "--csv", *way)[1] for way in ways}
    assert len(outputs) == 1
    rows = list(csv.DictReader(io.StringIO(outputs.pop())))
    found = [[float(row[f"p({name})"]) for name in NAMES] for row in rows]
    probabilities, _ = expected(photos)
    np.testing.assert_allclose(found, probabilities, atol=2e-6)
    assert [row["class"] for row in rows] == [NAMES[i] for i in probabilities.argmax(1)]


def test_predict_answers_what_it_can_and_names_the_rest(photos, call, tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "good.webp")
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    os.mkfifo(tmp_path / "pipe.png")
    code, out, err = call("predict", "--model", photos / "model.pt", tmp_path)
    assert code == 2 and len(err.splitlines()) == 1
    head, *lines = out.splitlines()
    assert head == "file" + 3 * "  class probability"
    assert len(lines) == 1 and "good.webp" in lines[0]
    assert "bad.jpg: not a whole image" in err and "pipe.png" in err


def test_predict_without_images_says_so(photos, call, tmp_path):
    code, _, err = call("predict", "--model", photos / "model.pt", tmp_path / "no*.jpg")
    assert code == 2 and "no such file, and no image" in err


def test_a_model_that_keeps_no_preprocessing_is_refused(photos, call, tmp_path):
    content = torch.load(photos / "model.pt", weights_only=True)
    del content["preprocessing"]
    torch.save(content, tmp_path / "old.pt")
    code, _, err = call("predict", "--model", tmp_path / "old.pt", photos / "mine" / "val")
    assert code == 2 and "train it again" in err


@pytest.mark.parametrize("by", ["folder", "manifest"])
def test_evaluate_measures_what_the_network_answers(by, photos, call, tmp_path):
    given = [photos / "mine" / "val"]
    if by == "manifest":
        given = ["--manifest", photos / "data" / "manifest.json", "--data-root", photos]
    code, out, err = call("evaluate", "--model", photos / "model.pt", "--out", tmp_path, *given)
    assert code == 0, err
    probabilities, labels = expected(photos)
    accuracy = (probabilities.argmax(1) == labels).float().mean().item()
    summary = json.loads((tmp_path / "evaluation.json").read_text())
    assert summary["accuracy"] == pytest.approx(accuracy)
    assert f"accuracy {accuracy:.4f}" in out and all(name in out for name in NAMES)
    rows = list(csv.DictReader((tmp_path / "predictions.csv").open(newline="")))
    assert [row["answer"] for row in rows] == [NAMES[i] for i in probabilities.argmax(1)]
    assert [row["true class"] for row in rows] == [NAMES[i] for i in labels]


def test_evaluate_refuses_classes_that_the_model_does_not_have(photos, call, tmp_path):
    image_folder(tmp_path / "other", ("cat", "yak"), (20, 20))
    code, _, err = call("evaluate", "--model", photos / "model.pt", tmp_path / "other" / "val")
    assert code == 2 and "classes yak are none of the model's: cat, dog, large, eel" in err


@pytest.mark.parametrize("top", [1, 2, 7])
def test_the_head_of_predict_has_as_many_columns_as_the_rows(top, photos, call):
    arguments = ("--model", photos / "model.pt", "--top", top, photos / "mine" / "val" / "eel")
    _, out, _ = call("predict", *arguments)
    head, *lines = out.splitlines()
    n = min(top, len(NAMES))
    assert head.count("probability") == n
    assert all(len(re.findall(r" \d\.\d{4}", line)) == n for line in lines)
