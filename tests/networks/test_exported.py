"""What other programs make of an exported network: the same logits."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.data.class_folders import list_images
from pipeline.errors import InputError
from pipeline.networks import build, export, save_model
from pipeline.networks.prediction import Classifier
from pipeline.networks.published import resolve
from pipeline.spaces.genotype import Genotype
from tests.data.stand_ins import image_folder

ARCH = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"
METRICS = {"test_error": 0.125, "params": 4321, "majority_accuracy": 0.4}
NAMES = ["a", "b, with a comma", "c | d", "<b>e</b>"]
MANIFEST = {
    "image_size": 16,
    "resize_size": 20,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.2, 0.2, 0.2],
    "class_names": NAMES,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network with running statistics of its own, its file and what lies beside that."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    network = build("darts_v2", "cifar10", classes=4, channels=4, cells=3, auxiliary=True)
    network.train()
    with torch.no_grad():
        network.forward_with_auxiliary(torch.randn(8, 3, 16, 16))
    save_model(folder / "model.pt", network, resolve("darts_v2"), "cifar10", MANIFEST)
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    provenance = {"data": {"name": "mine", "fingerprint": "f00"}, "run_key": "r1"}
    (folder / "provenance.json").write_text(json.dumps(provenance))
    return network.eval(), folder / "model.pt"


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported")
    files = export(trained[1], out, ("program", "onnx", "safetensors"))
    assert sorted(path.name for path in files) == sorted(path.name for path in out.iterdir())
    return out


def logits_of(network, n):
    images = torch.randn(n, 3, 16, 16, generator=torch.Generator().manual_seed(n))
    with torch.no_grad():
        return images, network(images)


@pytest.mark.parametrize("n", [1, 5])
def test_onnxruntime_computes_the_same(trained, exported, n):
    import onnx
    import onnxruntime

    onnx.checker.check_model(onnx.load(exported / "network.onnx"), full_check=True)
    images, expected = logits_of(trained[0], n)
    session = onnxruntime.InferenceSession(exported / "network.onnx")
    (found,) = session.run(["logits"], {"images": images.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n", [1, 5])
def test_the_program_computes_the_same(trained, exported, n):
    images, expected = logits_of(trained[0], n)
    found = torch.export.load(exported / "network.pt2").module()(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("genotype", "layout", "size", "cells"),
    [
        ("shapley_nas_imagenet", "imagenet", 64, 5),
        (ARCH, "nasbench201", 16, 1),
    ],
)
def test_the_other_layouts_export_alike(genotype, layout, size, cells, tmp_path):
    import onnxruntime

    torch.manual_seed(1)
    network = build(genotype, layout, classes=4, channels=8, cells=cells).train()
    images = torch.randn(4, 3, size, size)
    with torch.no_grad():
        network(images)
    manifest = {**MANIFEST, "image_size": size}
    save_model(tmp_path / "model.pt", network, resolve(genotype), layout, manifest)
    export(tmp_path / "model.pt", tmp_path / "out", ("program", "onnx"))
    with torch.no_grad():
        expected = network.eval()(images)
    session = onnxruntime.InferenceSession(tmp_path / "out" / "network.onnx")
    (found,) = session.run(["logits"], {"images": images.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-4)
    program = torch.export.load(tmp_path / "out" / "network.pt2").module()
    torch.testing.assert_close(program(images), expected, rtol=1e-4, atol=1e-4)


def test_weights_and_metadata_build_the_network(trained, exported):
    from safetensors import safe_open

    with safe_open(exported / "weights.safetensors", framework="pt") as file:
        meta = {key: json.loads(value) for key, value in file.metadata().items()}
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    size = {key: meta[key] for key in ("layout", "classes", "channels", "cells")}
    network = build(Genotype.from_json(meta["genotype"]), **size)
    network.load_state_dict(weights)
    images, expected = logits_of(trained[0], 3)
    assert torch.equal(network.eval()(images), expected)
    assert meta["class_names"] == MANIFEST["class_names"]


def test_the_card_says_what_it_is(exported):
    text = (exported / "README.md").read_text()
    for part in (
        "0.125",
        "0.6",
        "4321",
        "mine",
        "f00",
        "r1",
        "[0.2, 0.2, 0.2]",
        "resize_size | 20",
    ):
        assert part in text
    for line in ("0. a", "1. b, with a comma", "2. c \\| d", "3. &lt;b&gt;e&lt;/b&gt;"):
        assert line in text.splitlines()


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch"])
@pytest.mark.parametrize("form", ["turned.jpg", "clear.png", "cmyk.jpg", "grey.webp"])
def test_code_of_the_card_names_the_class_that_predict_names(
    runtime, form, trained, exported, tmp_path
):
    """In another folder, by a process that cannot import this package."""
    folder = shutil.copytree(exported, tmp_path / "elsewhere")
    photo = save_awkward(folder / form)
    ((_, expected),) = Classifier.load(trained[1]).answers([photo])
    blocks = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.S)
    (code,) = (block for block in blocks if f"import {runtime}\n" in block)
    assert len([line for line in code.splitlines() if " = " in line or "print(" in line]) == 10
    assert len(code.splitlines()) == 4 + 1 + 10  # imports, an empty line, statements
    program = "import sys; sys.modules['pipeline'] = None\n" + code.replace("photo.jpg", form)
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    name, _, chance = done.stdout.strip().rpartition(" ")
    assert name == NAMES[int(expected.argmax())]
    assert float(chance) == pytest.approx(float(expected.max()), abs=1e-4)


def save_awkward(path):
    """An image of two halves that tells turns, backgrounds and crops apart."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 90, 3), dtype=np.uint8)
    pixels[:, 45:] //= 4
    image, exif = Image.fromarray(pixels), Image.Exif()
    if path.name.startswith("turned"):
        exif[0x0112] = 6
    if path.name.startswith("clear"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    modes = {"cmyk": "CMYK", "grey": "L"}
    image = image.convert(modes.get(path.stem, image.mode))
    image.save(path, exif=exif)
    return path


def test_names_and_preprocessing_stand_beside_and_in_the_onnx_file(exported):
    import onnx

    about = json.loads((exported / "labels.json").read_text())
    program = onnx.load(exported / "network.onnx")
    inside = {entry.key: json.loads(entry.value) for entry in program.metadata_props}
    assert about["class_names"] == inside["class_names"] == NAMES
    assert about["preprocessing"] == inside["preprocessing"]
    assert about["preprocessing"]["resize_size"] == 20
    for value in (*program.graph.input, *program.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_code_of_the_card_loads_the_weights(trained, exported, monkeypatch):
    monkeypatch.chdir(exported)
    blocks = re.findall(r"```python\n(.*?)```", (exported / "README.md").read_text(), re.S)
    names: dict = {}
    exec(next(block for block in blocks if "safetensors" in block), names)
    images, expected = logits_of(trained[0], 2)
    with torch.no_grad():
        assert torch.equal(names["network"](images), expected)


def test_files_have_the_mode_of_the_umask(exported):
    mask = os.umask(0)
    os.umask(mask)
    assert {path.stat().st_mode & 0o777 for path in exported.iterdir()} == {0o666 & ~mask}


def test_8_bit_numbers_are_calibrated_and_what_they_cost_is_measured(trained, tmp_path):
    import onnx

    image_folder(tmp_path / "photos", NAMES[:2], (30, 24))
    folders = (tmp_path / "photos" / "train", tmp_path / "photos" / "val")
    export(trained[1], tmp_path / "out", ("int8",), *folders)
    program = onnx.load(tmp_path / "out" / "network.int8.onnx")
    assert any(weights.data_type == onnx.TensorProto.INT8 for weights in program.graph.initializer)
    cost = json.loads((tmp_path / "out" / "int8.json").read_text())
    classifier, listing = Classifier.load(trained[1]), list_images(folders[1])
    answers = [answer for _, answer in classifier.answers([*map(Path, listing.paths)])]
    right = (torch.stack(answers).argmax(1).numpy() == listing.labels_among(NAMES)).mean()
    assert cost["int8_accuracy_float32"] == pytest.approx(right)
    assert 0 <= cost["int8_accuracy_int8"] <= 1 and cost["int8_n"] == len(listing.labels)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "accuracy by 8-bit numbers" in card and 'InferenceSession("network.int8.onnx")' in card


@pytest.mark.parametrize("forms", [("int8",), ("program", "onnx", "int8")])
def test_8_bit_numbers_need_images(forms, trained, tmp_path):
    with pytest.raises(InputError, match=r"^--form int8: give images .* by --images$"):
        export(trained[1], tmp_path / "out", forms)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["no folder", "damaged", "other classes"])
def test_an_export_that_fails_leaves_what_was_there(what, trained, tmp_path):
    out, photos = tmp_path / "out", tmp_path / "photos"
    export(trained[1], out, ("onnx",))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}
    if what != "no folder":
        image_folder(photos, ("a", "z") if what == "other classes" else NAMES[:2], (30, 24))
    if what == "damaged":
        next((photos / "train").rglob("*.jpg")).write_bytes(b"")
    with pytest.raises(InputError):
        export(trained[1], out, ("int8",), photos / "train", photos / "val")
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()} == before


def test_a_missing_package_is_one_line(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"onnxruntime is not installed; pip install"):
        export(trained[1], tmp_path, ("onnx",))
    assert not list(tmp_path.iterdir())
