"""Writes `config.yaml` and the JSON schema from the pydantic models (`make config`)."""
# Tested in tests/config/test_config.py.

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from pipeline import files, registry
from pipeline.config.model import Config
from pipeline.settings import Settings

HEAD = """\
# Settings of the workflow. Generated from the models in pipeline/config (`make config`).
# Each line has a key with its default, its meaning and [the source of the default].
# To change a key, uncomment its line and the lines of the keys that it is nested in.
# Later layers win: defaults < config/presets/<preset>.yaml < this file < --configfile < --config.

preset: demo  # demo: digits, minutes; laptop: CIFAR-10, a night; paper: as published, GPUs
"""


def write(folder: Path) -> None:
    """Write `config.yaml` and `schema.json` into a folder."""
    files.write_text(folder / "config.yaml", config_yaml())
    files.write_text(folder / "schema.json", schema_json())


def config_yaml() -> str:
    """The default YAML, with every key except `preset` commented out."""
    body = "\n".join(f"# {line}" if line else "" for line in _lines(Config(), skip=("preset",)))
    return f"{HEAD}\n{body}\n\n{_strategies()}\n{_estimators()}"


def schema_json() -> str:
    """JSON schema (draft 2020-12) of the whole configuration, for editors."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
    }
    schema["$defs"]["Estimators"] = {
        "description": "Options of each estimator; write them next to `estimator` in settings.",
        "properties": {name: model.model_json_schema() for name, model in estimators()},
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _lines(model: BaseModel, indent: int = 0, skip: tuple[str, ...] = ()) -> Iterator[str]:
    """`key: default  # meaning [source]` for every field, nested models below their key."""
    for name, field in type(model).model_fields.items():
        if name in skip:
            continue
        value = getattr(model, name)
        source = (field.json_schema_extra or {}).get("source", "")  # type: ignore[union-attr]
        comment = f"# {field.description} [{source}]"
        if isinstance(value, BaseModel):
            yield f"{' ' * indent}{name}:  {comment}"
            yield from _lines(value, indent + 2)
        else:
            yield f"{' ' * indent}{name}: {flow(value)}  {comment}"


def flow(value: Any) -> str:
    """A default as one line of YAML."""
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=1000)
    return text.removesuffix("\n").removesuffix("\n...")


def _strategies() -> str:
    """The settings of each algorithm, as entries of labels."""
    lines = ["# Every algorithm is a strategy label with the same name. An entry here changes the"]
    lines += ["# settings of a label, or adds a new label:", "# strategies:"]
    for name in registry.names("strategies"):
        entry = registry.entry("strategies", name)
        settings = entry.settings_model()
        lines += [f"#   {name}:  # {entry.title}", f"#     algorithm: {name}"]
        lines += ["#     settings:"] * bool(settings.model_fields)
        lines += [f"#       {line}" for line in _lines(settings())]
    return "\n".join(lines) + "\n"


def estimators() -> Iterator[tuple[str, type[Settings]]]:
    """Each registered estimator and the model of its options."""
    for name in registry.names("estimators"):
        yield name, registry.get("estimators", name).settings


def _estimators() -> str:
    """The options of each estimator."""
    lines = ["# Options of the estimators. Write them next to `estimator` in the settings above."]
    lines += ["# Each estimator accepts only its own options. `permutations` is listed above."]
    for name, model in estimators():
        lines += [f"#   {name}:", *(f"#     {line}" for line in _lines(model()))]
    return "\n".join(lines) + "\n"
