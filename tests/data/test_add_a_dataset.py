"""The examples of docs/add-a-dataset.md, run as they stand there."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from pipeline import registry
from pipeline.config.folders import FolderSettings
from pipeline.data import find, open_images, prepare
from pipeline.registry.datasets import DataSetEntry
from tests import pages
from tests.data.stand_ins import image_folder

FILE, ENTRY = pages.blocks("add-a-dataset.md", "python")
(FOLDER,) = pages.blocks("add-a-dataset.md", "yaml")


def test_an_own_folder(tmp_path):
    entries = yaml.safe_load(FOLDER)["datasets"]
    folders = {name: FolderSettings(**entry) for name, entry in entries.items()}
    image_folder(tmp_path / "my_images", ("cat", "dog"), (80, 90))
    manifest = prepare(find("my_images", folders), tmp_path, tmp_path / "out", 0)
    assert manifest["class_names"] == ["cat", "dog"]
    batch, _ = next(open_images(manifest, tmp_path, "test").batches(2))
    assert batch.shape == (2, 3, 64, 64)


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    pages.registered_for_one_test("datasets", monkeypatch)
    pages.add_entry("datasets", ENTRY, DataSetEntry)
    pages.module_of(FILE, "pipeline.data.shapes", monkeypatch)
    (tmp_path / "shapes").mkdir()
    rng = np.random.default_rng(0)
    for part, n in (("train", 40), ("test", 10)):
        images = rng.integers(0, 256, (n, 3, 16, 16), dtype=np.uint8)
        np.savez(tmp_path / "shapes" / f"{part}.npz", images=images, labels=np.arange(n) % 2)
    return find("shapes", {})


def test_a_format_of_its_own(shapes, tmp_path):
    assert "shapes" in registry.names("datasets")
    manifest = prepare(shapes, tmp_path, tmp_path / "out", 0)
    opened = open_images(manifest, tmp_path, "weights", tmp_path / "out" / "split.npz")
    assert (opened.n, opened.classes, opened.image_size) == (20, 2, 16)
    assert manifest["class_names"] == ["circle", "square"]
