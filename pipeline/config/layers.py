"""Reads layers of YAML and merges them.

Later layers override earlier ones: defaults of the pydantic models, preset, `config/config.yaml`,
`--configfile`, `--config` (in verbs, `--set`).
"""
# Tested in tests/config/test_config.py.

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline import layout
from pipeline.config.yaml_text import read_yaml

FOLDER = Path("config")


def named_files(kind: str, folder: Path = FOLDER) -> dict[str, Path]:
    """YAML files of a kind, such as `presets`; files in `folder` replace built-in ones."""
    places = (layout.home() / "config" / kind, folder / kind)
    files = {path.stem: path for place in places for path in place.glob("*.yaml")}
    return dict(sorted(files.items()))


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Deep merge of mappings; later layers win, lists and scalars are replaced whole."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            both = isinstance(old, Mapping) and isinstance(value, Mapping)
            merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def layers_of(files: Iterable[Path] = (), folder: Path = FOLDER) -> dict[str, Mapping[str, Any]]:
    """Name for error messages -> content, of `config/config.yaml` and of `files`."""
    default = folder / "config.yaml"
    return {str(default): read_yaml(default), **{f"--configfile {f}": read_yaml(f) for f in files}}


def layers_in(workflow: Any, config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Split Snakemake's merged configuration into layers: one per file, and one for `--config`.

    Args:
        workflow: Snakemake's object, which lists the files; our stricter reader reads them again.
        config: the merged configuration, or the one that an importing workflow passes.
    """
    settings = workflow.config_settings
    given = [Path(path) for path in settings.configfiles]
    defaults = map(Path, workflow.configfiles[len(given) :])
    by_default = {str(path): read_yaml(path) for path in defaults if path.is_file()}
    by_hand = {f"--configfile {_short(path)}": read_yaml(path) for path in given}
    return {"config": config, **by_default, **by_hand, "--config": dict(settings.config)}


def _short(path: Path) -> str:
    """A path for messages, relative to the working folder if possible."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
