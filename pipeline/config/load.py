"""From layers of YAML to one validated `Config`, with errors that a person can act on.

Later wins: model defaults < preset < `config/config.yaml` < `--configfile` < `--config`. Snakemake
merges the last three itself; `load` does the same for a verb that is called by hand.
"""
# Tested in tests/config/test_config.py.

from __future__ import annotations

import os
import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pipeline import registry
from pipeline.config.experiments import (
    LABEL,
    TABLE,
    Experiment,
    Row,
    StrategyLabel,
    only_on,
    with_stand_ins,
)
from pipeline.config.model import Config
from pipeline.errors import InputError
from pipeline.registry.tables import DIGITS, REFERENCES, SETS, find_table

FOLDER = Path("config")


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; a broken file is an `InputError` that names it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected `key: value` lines, found {type(content).__name__}")
    return content


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Deep merge of mappings; later layers win, lists and scalars are replaced whole."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            both = isinstance(old, Mapping) and isinstance(value, Mapping)
            merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def load(
    files: Iterable[Path] = (), overrides: Mapping[str, Any] | None = None, folder: Path = FOLDER
) -> Config:
    """The configuration as a verb called by hand sees it."""
    layers = [read_yaml(folder / "config.yaml"), *map(read_yaml, files), overrides or {}]
    return resolve(merge(*layers), folder)


def resolve(given: Mapping[str, Any], folder: Path = FOLDER) -> Config:
    """Put the given values over the preset's and the defaults, and validate.

    Raises:
        InputError: an unknown key or name, a value of the wrong type or out of range.
    """
    preset = given.get("preset", "demo")
    presets = sorted(path.stem for path in (folder / "presets").glob("*.yaml"))
    if preset not in presets:
        raise InputError(f"config: unknown preset {preset!r}; {registry.nearest(preset, presets)}")
    preset_file = folder / "presets" / f"{preset}.yaml"
    preset_values = read_yaml(preset_file)
    labels = {name: {"algorithm": name} for name in registry.names("strategies")}
    merged = merge({"strategies": labels}, preset_values, given)
    config = validate(Config, merged, source=str(preset_file), known_in=preset_values)
    for kind in ("strategies", "datasets", "genotypes"):
        _check_names(getattr(config, kind), f"config: {kind}")
    for name in {*config.datasets} & {*registry.names("datasets")}:
        raise InputError(f"datasets: {name!r} is the name of a built-in data set; rename yours")
    for name, label in config.strategies.items():
        _check_label(name, label.algorithm, label.settings, "config: strategies")
    return config


def experiments(config: Config, folder: Path = FOLDER) -> dict[str, Experiment]:
    """All experiments by name, each checked: labels, spaces and data sets exist."""
    known = {}
    for path in sorted((folder / "experiments").glob("*.yaml")):
        values = {"name": path.stem, **read_yaml(path)}
        experiment = validate(Experiment, values, source=str(path), known_in=values)
        _check_experiment(config, experiment, str(path))
        labels = {**config.strategies, **experiment.strategies}
        rows = (only_on(row, config.only_datasets) for row in experiment.rows)
        rows = (row for own in rows for row in with_stand_ins(own, config.stand_ins))
        rows = (_without_table(config, row, labels) for row in rows)
        known[experiment.name] = experiment.model_copy(update={"rows": tuple(rows)})
    known_data = {*registry.names("datasets"), *config.datasets}
    known_data |= {name for experiment in known.values() for name in experiment.datasets}
    for name in config.only_datasets:
        _known(name, [*known_data], "config: only_datasets")
    for name in config.experiments:
        _known(name, [*known], "config: experiments")
    return known


def with_labels(config: Config, experiments: Mapping[str, Experiment]) -> Config:
    """The configuration with the strategy labels and image folders that experiments bring.

    Raises:
        InputError: two experiments mean different things by one name.
    """
    merged: dict[str, dict[str, Any]] = {}
    for kind in ("strategies", "datasets"):
        merged[kind] = dict(getattr(config, kind))
        for experiment in experiments.values():
            _check_names(getattr(experiment, kind), f"experiment {experiment.name}: {kind}")
            for name, entry in getattr(experiment, kind).items():
                if merged[kind].setdefault(name, entry) != entry:
                    raise InputError(
                        f"experiment {experiment.name}: {kind}: {name!r} means something else "
                        "elsewhere; rename it"
                    )
    return config.model_copy(update=merged)


def validate(
    model: type[Any], values: Mapping[str, Any], source: str, known_in: Mapping[str, Any]
) -> Any:
    """`model(**values)`; the first error becomes one line naming file, key and remedy.

    Args:
        model: a `Settings` class.
        values: what to validate.
        source: the file at fault if the key stands in `known_in`, else it is the user's config.
        known_in: the content of `source`.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
    except InputError as error:  # of a model that asks the registry
        raise InputError(f"{source}: {error}") from None
    location = [str(part) for part in first["loc"]]
    inside = _contains(known_in, location)
    where = source if inside else "config (config/config.yaml, --configfile or --config)"
    key = ".".join(location)
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        raise InputError(f"{where}: unknown key {key!r}; {registry.nearest(location[-1], known)}")
    message = first["msg"].removeprefix("Value error, ")
    given = "" if first["type"] == "missing" else f" (given: {first.get('input')!r:.80})"
    raise InputError(f"{where}: {key}: {message}{given}")


def _contains(values: Any, location: list[str]) -> bool:
    for part in location:
        if isinstance(values, Mapping) and part in values:
            values = values[part]
        elif isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        else:
            return False
    return True


def _fields_at(annotation: Any, location: list[str]) -> list[str]:
    """Names of the fields of the model that lies at a location inside another."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not location:
            return sorted(annotation.model_fields)
        field = annotation.model_fields.get(location[0])
        return _fields_at(field.annotation, location[1:]) if field else []
    arguments = typing.get_args(annotation)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return [name for argument in arguments for name in _fields_at(argument, location)]
    is_mapping = typing.get_origin(annotation) is dict
    inner = arguments[1] if is_mapping else arguments[0] if arguments else None
    return _fields_at(inner, location[1:]) if inner and location else []


def _check_names(names: Iterable[str], where: str) -> None:
    """Names become parts of paths and of commands."""
    for name in names:
        if not re.fullmatch(LABEL.strip("^$"), name):
            raise InputError(f"{where}: {name!r}: letters, digits and underscore only")


def _check_label(name: str, algorithm: str, settings: Mapping[str, Any], where: str) -> None:
    model = registry.entry("strategies", algorithm).settings_model()
    validate(model, settings, f"{where}.{name}.settings", settings)


def _check_experiment(config: Config, experiment: Experiment, source: str) -> None:
    labels = {**config.strategies, **experiment.strategies}
    known_data = [*registry.names("datasets"), *config.datasets, *experiment.datasets]
    if experiment.figure:
        _known(experiment.figure, registry.names("figures"), f"{source}: figure")
    for name in config.stand_ins.values():
        _known(name, known_data, "config: stand_ins")
    for name, label in experiment.strategies.items():
        _check_label(name, label.algorithm, label.settings, f"{source}: strategies")
    for row in experiment.rows:
        if row.not_run:
            continue
        if not (row.has_genotype or row.query):
            raise InputError(f"{source}: row {row.label!r}: set query: true, it is all of this row")
        _known(row.space, registry.names("spaces"), f"{source}: row {row.label!r}: space")
        if row.searched:
            _known(row.strategy, [*labels], f"{source}: row {row.label!r}: strategy")
            _check_support(labels[row.strategy].algorithm, row.space, f"{source}: {row.label!r}")
            _check_stages(row, labels[row.strategy].algorithm, f"{source}: row {row.label!r}")
        elif row.strategy.startswith(TABLE):
            _known(row.strategy.removeprefix(TABLE), [*REFERENCES], f"{source}: {row.label!r}")
        elif row.strategy.startswith("published_"):
            name = row.strategy.removeprefix("published_")
            _known(name, registry.names("genotypes"), f"{source}: row {row.label!r}: genotype")
        else:
            name = row.strategy.removeprefix("file_")
            _known(name, [*config.genotypes], f"{source}: row {row.label!r}: config genotypes")
        for dataset in {*row.datasets, *row.retrain} - {"same"}:
            _known(dataset, known_data, f"{source}: row {row.label!r}: data set")
    own = [row.strategy for row in experiment.rows]
    for name, claim in experiment.claims.items():
        for strategy in claim.labels:
            _known(strategy, own, f"{source}: claims: {name}: a strategy of the rows")


def _check_stages(row: Row, algorithm: str, where: str) -> None:
    """A row asks only for what its strategy leaves."""
    entry = registry.entry("strategies", algorithm)
    if row.removal and not entry.trains_supernet:
        raise InputError(f"{where}: removal: {algorithm} leaves no supernet")
    for stage in ("removal", "ranking"):
        if getattr(row, stage) and row.space != "nasbench201":
            raise InputError(f"{where}: {stage}: for the space nasbench201, not {row.space!r}")


def _without_table(config: Config, row: Row, labels: Mapping[str, StrategyLabel]) -> Row:
    """The row; not run if it asks a table and none knows the data set that stands in."""
    if not row.stands_for or not _asks_table(row, labels):
        return row
    root, dataset = os.environ.get("SHAPLEY_NAS_DATA", config.data_root), row.datasets[0]
    if dataset in (DIGITS, *SETS) and find_table(root, dataset, config.nasbench_table):
        return row
    reason = f"not run: it asks a table of trained cells, and none knows {dataset}"
    return row.model_copy(update={"not_run": reason})


def _asks_table(row: Row, labels: Mapping[str, StrategyLabel]) -> bool:
    """Whether the row is nothing without a table."""
    if not row.has_genotype or row.ranking:
        return True
    searched = row.searched and registry.entry("strategies", labels[row.strategy].algorithm)
    return bool(searched and searched.needs_table)


def _check_support(algorithm: str, space: str, where: str) -> None:
    entry = registry.entry("strategies", algorithm)
    if not entry.supports(registry.entry("spaces", space).family):
        families = ", ".join(entry.families)
        raise InputError(f"{where}: {algorithm} searches spaces of {families} only, not {space!r}")


def _known(name: str, known: list[str], where: str) -> None:
    if name not in known:
        raise InputError(f"{where}: unknown {name!r}; {registry.nearest(name, known)}")
