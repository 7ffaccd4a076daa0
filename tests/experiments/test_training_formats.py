"""The study of number formats on toys: forms share weights and batches, and its page renders."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from pipeline.analysis import results_page
from pipeline.data.small import SmallImages
from pipeline.experiments import training_formats
from pipeline.files import read_json


@pytest.fixture
def toys(monkeypatch):
    changes = {"channels": 16, "batch_size": 8, "epochs": 1, "cutout": 2, "learning_rate": 0.05}
    monkeypatch.setattr(
        training_formats, "RECIPE", training_formats.RECIPE.model_copy(update=changes)
    )
    monkeypatch.setattr(training_formats, "N_JUDGES", 40)
    generator = np.random.default_rng(0)
    labels = np.arange(80) % 2
    pixels = generator.integers(0, 100, (80, 3, 8, 8)) + 120 * labels[:, None, None, None]
    return SmallImages(
        pixels=torch.from_numpy(pixels.astype(np.uint8)),
        labels=torch.from_numpy(labels),
        classes=2,
        mean=(0.4, 0.4, 0.4),
        std=(0.3, 0.3, 0.3),
    )


def test_forms_start_from_the_same_and_differ_by_rounding(toys):
    rows = training_formats.accuracy_rows(toys, 40, [0, 1])
    assert [row["form"] for row in rows] == [*training_formats.FORMS]
    plain, same, mixed = rows
    assert plain["accuracy"]["n"] == 2 and "difference" not in plain
    assert len(plain["each"].split(", ")) == 2
    # Five steps: float32 in another memory format has no time to drift apart.
    assert same["difference"]["mean"] == pytest.approx(0, abs=2.6)  # an image of forty
    assert mixed["difference"]["mean"] == pytest.approx(
        mixed["accuracy"]["mean"] - plain["accuracy"]["mean"], abs=0.01
    )


def test_its_measurements_render(toys, tmp_path, monkeypatch):
    monkeypatch.setattr(training_formats, "open_images", lambda *_: toys)
    monkeypatch.setattr(training_formats, "prepare", lambda *_, **__: {})
    monkeypatch.setattr(training_formats, "FORMS", dict([*training_formats.FORMS.items()][:2]))
    sizes = {"cifar10": ("shapley_nas_cifar10", 16, 3, 2, 8)}
    monkeypatch.setattr(training_formats.bench, "SIZES", sizes)
    threads = torch.get_num_threads()
    options = {"data-root": tmp_path, "measurements": tmp_path / "m", "images": 40, "seeds": 1}
    done = CliRunner().invoke(
        training_formats.main,
        [word for key, value in options.items() for word in (f"--{key}", str(value))],
        catch_exceptions=False,
    )
    torch.set_num_threads(threads)
    names = [json.loads(line)["measurement"] for line in done.stdout.splitlines()]
    assert [name.rpartition("/")[2] for name in names] == [
        "training_formats.json",
        "training_step.json",
    ]
    page = results_page.render(tmp_path / "m")
    assert "| float32, contiguous |" in page and "| cifar10, channels_last, bfloat16 |" in page
    row = read_json(tmp_path / "m" / "training_step.json")["rows"][0]
    assert row["cpu_ratio"] == pytest.approx(row["baseline_cpu_s"] / row["ours_cpu_s"])
