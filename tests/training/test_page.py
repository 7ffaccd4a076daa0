"""`docs/training.md`: its Python runs, and its commands, keys and files exist."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.cli import cli
from pipeline.config.recipes import ImageNetTrain, SearchSettings

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text()


def test_its_python_builds_the_published_network():
    names: dict = {}
    exec(PAGE.partition("```python\n")[2].partition("```")[0], names)
    assert sum(p.numel() for p in names["network"].parameters()) == 3_603_358


def test_its_commands_have_these_options():
    commands = re.findall(r"-m pipeline (\w+)((?:[^\n`]|(?<=\\)\n)*)", PAGE)
    assert {verb for verb, _ in commands} >= {"prepare", "retrain", "transfer", "export", "bench"}
    for verb, rest in commands:
        known = {option for p in cli.get_command(None, verb).params for option in p.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, verb


def test_its_keys_are_settings():
    keys = re.findall(r"`(\w+): [\w.]+`", PAGE)
    known = {*ImageNetTrain.model_fields, *SearchSettings.model_fields}
    assert len(keys) >= 4 and set(keys) <= known
