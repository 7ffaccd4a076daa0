from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from pipeline.config.jobs import PrepareJob
from pipeline.data import digits
from pipeline.errors import InputError
from pipeline.stages import prepare


@pytest.fixture(autouse=True)
def without_tracking(monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")


def job(**values):
    defaults = {"split_seed": 0, "weights_fraction": None, "value_fraction": None, "folders": {}}
    return PrepareJob(**{**defaults, "dataset": "digits", **values})


def test_writes_manifest_split_and_record(tmp_path):
    out = tmp_path / "results" / "digits"
    prepare.run(job(value_fraction=0.25), tmp_path / "data", out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["fractions"] == [0.5, 0.25]
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics == {"n_train": 1437, "n_test": 360, "n_weights": 718, "n_value": 359}
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["data"]["fingerprint"] == manifest["fingerprint"]
    assert (out / "split.npz").exists()


def test_missing_data_leaves_nothing(tmp_path):
    out = tmp_path / "results" / "cifar10"
    with pytest.raises(InputError, match="cifar10: not in"):
        prepare.run(job(dataset="cifar10"), tmp_path / "data", out)
    assert not out.exists()


def test_a_folder_is_written_from_a_small_data_set(tmp_path):
    """The first images by class, as they are; a folder that exists stays as it is."""
    folder = {"path": "written", "image_size": 8, "resize_size": 8, "images": "digits"}
    given = job(dataset="few", folders={"few": {**folder, "n_train": 50}})
    given = PrepareJob.model_validate_json(given.model_dump_json())  # as the rule passes it
    root, out = tmp_path / "data", tmp_path / "results" / "few"
    root.mkdir()
    prepare.run(given, root, out)
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["n_train"], metrics["n_test"]) == (50, 360)
    images, labels = digits.read(root, "train")
    for path in (root / "written" / "train").glob("*/*.png"):
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image).transpose(2, 0, 1), images[int(path.stem)])
        assert path.parent.name == str(labels[int(path.stem)])
    fewer = job(dataset="few", folders={"few": {**folder, "n_train": 20}})
    prepare.run(fewer, root, tmp_path / "results" / "again")
    assert json.loads((out / "metrics.json").read_text())["n_train"] == 50


def test_the_data_set_of_a_written_folder_is_missing(tmp_path):
    folder = {"path": "written", "image_size": 32, "images": "cifar10", "n_train": 50}
    given = job(dataset="few", folders={"few": folder})
    with pytest.raises(InputError, match="cifar10: not in"):
        prepare.run(given, tmp_path, tmp_path / "results" / "few")
    assert not (tmp_path / "written").exists()
