"""The page's own blocks, followed on generated images."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pipeline.networks import profile_genotype

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "your-own-images.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


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
    draw_images(tmp_path / "my_images")
    (tmp_path / "mine.yaml").write_text("".join(blocks("yaml")))
    (tmp_path / "config").symlink_to(ROOT / "config")
    environment = {
        **os.environ,
        "SHAPLEY_NAS_DATA": str(tmp_path),
        "SHAPLEY_NAS_TRACKING": "false",
        "SHAPLEY_NAS_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    said = {}
    for line in "".join(blocks("bash")).replace("\\\n", " ").splitlines():
        words = line.split()
        assert words[:3] == ["python", "-m", "pipeline"]
        done = subprocess.run(
            [sys.executable, *words[1:]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        said[words[3]] = done.stdout + done.stderr
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
    assert len(said["predict"].splitlines()) == 20
    assert json.loads(said["profile"])["ms"] <= 100  # fits 50, and other jobs may slow the last
    tuned = json.loads((tmp_path / "run/tuned/metrics.json").read_text())
    assert tuned["macs"] == metrics["macs"] and tuned["test_error"] < 0.25
    card = (tmp_path / "run/exported/README.md").read_text()
    assert "my_images" in card and "0. bright\n1. dark" in card
    network = torch.export.load(tmp_path / "run/exported/network.pt2").module()
    assert network(torch.zeros(3, 3, 32, 32)).shape == (3, 2)
