"""The page's own blocks, followed on generated images and on photographs."""

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

from pipeline.networks import profile_genotype

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "your-own-images.md").read_text()


SMALL = """
search:
  darts:
    epochs: 2
    warmup_epochs: 1
    batch_size: 32
    supernet: {channels: 4, cells: 3, image_size: 16}
strategies:
  shapley: {settings: {permutations: 1, value_images: 32}}
retrain:
  own: {epochs: 1, max_macs: 5000000}
"""


def blocks(language: str, page: str = PAGE) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.S)


def follow(commands: str, folder: Path) -> dict[str, str]:
    """Run the page's commands in a folder; what each verb said."""
    (folder / "config").symlink_to(ROOT / "config")
    environment = {
        **{name: value for name, value in os.environ.items() if name != "SHAPLEY_NAS_DATA"},
        "SHAPLEY_NAS_TRACKING": "false",
        "SHAPLEY_NAS_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    said = {}
    for line in commands.replace("\\\n", " ").splitlines():
        words = line.split()
        assert words[:3] == ["python", "-m", "pipeline"]
        done = subprocess.run(
            [sys.executable, *words[1:]],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        said[words[3]] = done.stdout + done.stderr
    return said


def draw_images(folder: Path) -> None:
    """Dark and bright noise: two classes that a network tells apart at once, in many forms."""
    generator = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    for part, n in (("train", 80), ("val", 10)):
        for name, level in (("dark", 60), ("bright", 190)):
            place = folder / part / name
            place.mkdir(parents=True)
            for i in range(n):
                pixels = generator.integers(level - 50, level + 50, (40, 48, 3), dtype=np.uint8)
                image = Image.fromarray(pixels)
                if i == 0:
                    image.save(place / "turned.jpg", exif=exif)
                elif i == 1:
                    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(place / "deep.png")
                elif i == 2:
                    image.convert("CMYK").save(place / "print.JPEG")
                elif i == 3:
                    image.save(os.fsencode(place) + b"/\xff.webp")
                else:
                    image.save(place / f"{i}.png")
            (place / ".DS_Store").write_bytes(b"no image")
            (place / "._4.png").write_bytes(b"no image")
            (place / ".ipynb_checkpoints").mkdir()


def test_the_page_is_followed(tmp_path):
    draw_images(tmp_path / "data/my_images")
    (tmp_path / "mine.yaml").write_text("".join(blocks("yaml")))
    *commands, _ = blocks("bash")  # the last are those of a search, see below
    said = follow("".join(commands), tmp_path)
    assert "bright 80 + 10, dark 80 + 10" in said["prepare"]
    assert "4 images turned as EXIF says" in said["prepare"]
    assert "4 images grey of 16 bits scaled to 8" in said["prepare"]
    metrics = json.loads((tmp_path / "run/network/metrics.json").read_text())
    size = {"classes": 2, "cells": metrics["cells"], "image_size": 32}
    wider = profile_genotype("shapley_nas_imagenet", channels=metrics["channels"] + 4, **size)
    assert metrics["macs"] <= 5_000_000 < wider["macs"]  # as wide as the budget allows
    assert metrics["test_error"] < 0.25  # two classes: half would be chance
    assert metrics["majority_accuracy"] == 0.5
    assert metrics["kept_epoch"] == metrics["best_epoch"]
    evaluated = json.loads((tmp_path / "run/evaluated/evaluation.json").read_text())
    assert evaluated["accuracy"] == metrics["test_accuracy"] and evaluated["n"] == 20
    assert len(said["predict"].splitlines()) == 1 + 20
    assert json.loads(said["profile"])["ms"] <= 100  # fits 50, and other jobs may slow the last
    tuned = json.loads((tmp_path / "run/tuned/metrics.json").read_text())
    assert tuned["macs"] == metrics["macs"] and tuned["test_error"] < 0.25
    card = (tmp_path / "run/exported/README.md").read_text()
    assert "my_images" in card and "0. bright\n1. dark" in card
    network = torch.export.load(tmp_path / "run/exported/network.pt2").module()
    assert network(torch.zeros(3, 3, 32, 32)).shape == (3, 2)


def real_photographs(folder: Path) -> None:
    """The Imagenette subset as a user's folder: other names of classes and files."""
    source = Path(os.environ.get("SHAPLEY_NAS_DATA", "data")) / "imagenette_subset"
    if not source.is_dir():
        pytest.skip(f"real data: no {source}")
    for i, path in enumerate(sorted(source.glob("*/*/*.*"))[::3]):
        part, name = path.parts[-3:-1]
        target = folder / part / f"class {name}" / f"IMG ({i}).jpeg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


@pytest.mark.parametrize("images", [draw_images, real_photographs])
def test_a_search_on_ones_own_images_ends_in_a_network(images, tmp_path):
    images(tmp_path / "data/my_images")
    (tmp_path / "mine.yaml").write_text(blocks("yaml")[0] + SMALL)
    prepare, *rest = blocks("bash")[0].replace("\\\n", " ").splitlines(keepends=True)
    chain = "".join(rest).replace("shapley_nas_imagenet", "run/genotype/genotype.json")
    said = follow(prepare + blocks("bash")[-1] + chain, tmp_path)
    metrics = json.loads((tmp_path / "run/network/metrics.json").read_text())
    found = json.loads((tmp_path / "run/genotype/genotype.json").read_text())
    labels = json.loads((tmp_path / "run/exported/labels.json").read_text())
    assert metrics["macs"] <= 5_000_000
    assert set(found["cells"]) == {"normal", "reduce"}
    files = [path for path in (tmp_path / "data/my_images/val").rglob("*.*") if path.name[0] != "."]
    assert len(said["predict"].splitlines()) == 1 + len(files)
    assert len(labels["class_names"]) == len(list((tmp_path / "data/my_images/train").iterdir()))
