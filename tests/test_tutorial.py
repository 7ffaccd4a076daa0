"""docs/tutorial.md is followed: the blocks that name this file, in order, in an empty folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from pipeline import cli as program
from tests.test_guide import ROOT, blocks_of, commands


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(tmp_path)
    for name in ("SHAPLEY_NAS_DATA", "SHAPLEY_NAS_RESULTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHAPLEY_NAS_DEVICE", "cpu")
    # `main` takes SIGTERM over for its process; here that is pytest's.
    monkeypatch.setattr(program.signal, "signal", lambda *_: None)
    # What a verb by hand leaves for the next one in its process.
    monkeypatch.setenv("SHAPLEY_NAS_RESULTS", "results/demo")
    return tmp_path


def test_the_tutorial_is_followed(folder, monkeypatch, capsys):
    followed = []
    for block in blocks_of(ROOT / "docs" / "tutorial.md"):
        if "tests/test_tutorial.py" not in block.marker:
            continue
        for words in commands(block.text):
            assert words[:3] == ["python", "-m", "pipeline"]
            followed.append(words[3])
            monkeypatch.setattr(sys, "argv", [*words[2:], *threads(words[3])])
            program.main()
            if words[3] == "compare":
                assert "algorithm" in capsys.readouterr().out
    assert followed == ["prepare", "search", "search", "compare", "genotype", "retrain", "export"]
    network = folder / "results/demo/by_hand/network"
    assert 0 <= json.loads((network / "metrics.json").read_text())["test_error"] <= 1
    program_ = torch.export.load(folder / "exported/network.pt2").module()
    meta = json.loads((Path("results/demo/data/digits/manifest.json")).read_text())
    size = meta["image_size"]
    assert program_(torch.zeros(2, 3, size, size)).shape == (2, 10)


def threads(verb):
    return ["--threads", "1"] if verb in ("search", "retrain") else []
