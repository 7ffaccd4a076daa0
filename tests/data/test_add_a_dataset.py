"""The examples of docs/add-a-dataset.md, run as they stand there."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline import registry
from pipeline.config import load, needs
from pipeline.config.folders import FolderSettings
from pipeline.data import find, open_images, prepare
from pipeline.data.spec import DataSet
from pipeline.registry.datasets import DataSetEntry
from tests import pages
from tests.data.stand_ins import image_folder

CONFIG = Path(__file__).parents[2] / "config"
FILE, ENTRY, STAND_IN = pages.blocks("add-a-dataset.md", "python")
FOLDER, EXPERIMENT = pages.blocks("add-a-dataset.md", "yaml")


def test_an_own_folder(tmp_path):
    entries = yaml.safe_load(FOLDER)["datasets"]
    folders = {name: FolderSettings(**entry) for name, entry in entries.items()}
    image_folder(tmp_path / "my_images", ("cat", "dog"), (80, 90))
    manifest = prepare(find("my_images", folders), tmp_path, tmp_path / "out", 0)
    assert manifest["class_names"] == ["cat", "dog"]
    batch, _ = next(open_images(manifest, tmp_path, "test").batches(2))
    assert batch.shape == (2, 3, 64, 64)


def test_an_experiment_on_it(tmp_path):
    folder = shutil.copytree(CONFIG, tmp_path / "config")
    (folder / "experiments" / "mine.yaml").write_text(EXPERIMENT)
    config = load.resolve({"experiments": ["mine"]}, folder)
    found = load.experiments(config, folder)
    runs = [*needs.runs(load.with_labels(config, found), found["mine"])]
    assert {run.seed for run in runs} == {0, 1, 2}


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    pages.registered_for_one_test("datasets", monkeypatch)
    pages.add_entry("datasets", ENTRY, DataSetEntry)
    made = pages.module_of(FILE, "pipeline.data.shapes", monkeypatch)
    known = {"Path": Path, "DataSet": DataSet, "np": np, "SHAPES": made.SHAPES}
    exec(textwrap.dedent(STAND_IN), known)
    known["shapes"](tmp_path)
    return find("shapes")


def test_a_format_of_its_own(shapes, tmp_path):
    assert "shapes" in registry.names("datasets")
    manifest = prepare(shapes, tmp_path, tmp_path / "out", 0)
    opened = open_images(manifest, tmp_path, "weights", tmp_path / "out" / "split.npz")
    assert (opened.n, opened.classes, opened.image_size) == (20, 2, 16)
    assert manifest["class_names"] == ["circle", "square"]
