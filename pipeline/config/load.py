"""Validates the merged layers of YAML as one `Config`, and reads the experiments."""
# Tested in tests/config/test_config.py.

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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
from pipeline.config.grid import expanded
from pipeline.config.layers import FOLDER, merge, named_files
from pipeline.config.model import Config
from pipeline.config.validation import source_of, validate
from pipeline.config.yaml_text import read_yaml
from pipeline.errors import InputError
from pipeline.registry.tables import DIGITS, REFERENCES, SETS, find_table


def resolve(
    given: Mapping[str, Any],
    folder: Path = FOLDER,
    layers: Mapping[str, Mapping[str, Any]] | None = None,
) -> Config:
    """The validated configuration: `given` overrides the preset, which overrides the defaults.

    `layers` maps the name of a file or option to its values, for error messages.

    Raises:
        InputError: there are unknown names or invalid values; the message lists all of them.
    """
    layers = {"config": given} if layers is None else layers
    preset = given.get("preset", "demo")
    presets = named_files("presets", folder)
    if not isinstance(preset, str) or preset not in presets:
        where = source_of(layers, ["preset"])
        nearest = registry.nearest(str(preset), [*presets])
        raise InputError(f"{where}: unknown preset {preset!r}; {nearest}")
    file = presets[preset]
    layers = {str(file): read_yaml(file), **layers}
    labels = {name: {"algorithm": name} for name in registry.names("strategies")}
    labels |= _labels_to_override(folder, *layers.values())
    values = merge({"strategies": labels}, layers[str(file)], given)
    config: Config = validate(Config, values, layers)
    faults = []
    for kind in ("strategies", "datasets", "genotypes"):
        for name in getattr(config, kind):
            faults += _faults(_check_name, name, f"{source_of(layers, [kind, name])}: {kind}")
    for name in {*config.datasets} & {*registry.names("datasets")}:
        where = source_of(layers, ["datasets", name])
        faults += [f"{where}: datasets: {name!r} is the name of a built-in data set; rename yours"]
    for name, label in config.strategies.items():
        where = f"{source_of(layers, ['strategies', name])}: strategies"
        faults += _faults(_check_label, name, label.algorithm, label.settings, where)
    if faults:
        raise InputError(*faults)
    return config


def _faults(check: Callable[..., None], *arguments: Any) -> list[str]:
    """The faults that a check finds."""
    try:
        check(*arguments)
    except InputError as error:
        return error.faults
    return []


def experiments(config: Config, folder: Path = FOLDER) -> dict[str, Experiment]:
    """All valid experiments by name; invalid experiments are left out with a warning.

    Raises:
        InputError: the configuration names an experiment or a data set that is invalid or unknown.
    """
    known = {}
    for name, path in named_files("experiments", folder).items():
        try:
            known[name] = _experiment(config, path)
        except InputError as error:
            if name in config.experiments:
                raise
            print(f"warning: {path} is left out: {error}", file=sys.stderr)
    known_data = {*registry.names("datasets"), *config.datasets}
    known_data |= {name for experiment in known.values() for name in experiment.datasets}
    for name in config.only_datasets:
        _known(name, [*known_data], "config: only_datasets")
    for name in config.experiments:
        _known(name, [*known], "config: experiments")
    return known


def _experiment(config: Config, path: Path) -> Experiment:
    """Read an experiment, expand its grids and apply `stand_ins`."""
    values = {"name": path.stem, **read_yaml(path)}
    experiment: Experiment = validate(Experiment, values, {str(path): values})
    experiment = expanded(experiment, {**experiment.strategies, **config.strategies}, str(path))
    _check_experiment(config, experiment, str(path))
    labels = {**experiment.strategies, **config.strategies}
    rows = (only_on(row, config.only_datasets) for row in experiment.rows)
    rows = (row for paper_row in rows for row in with_stand_ins(paper_row, config.stand_ins))
    rows = (_without_table(config, row, labels) for row in rows)
    return experiment.model_copy(update={"rows": tuple(rows)})


def _labels_to_override(folder: Path, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Definitions by experiments of the labels that `layers` override."""
    named = {
        name
        for layer in layers
        if isinstance(labels := layer.get("strategies"), Mapping)
        for name in labels
    }
    defined: dict[str, Any] = {}
    for path in named_files("experiments", folder).values() if named else ():
        with contextlib.suppress(InputError):  # `experiments` reports it
            labels = read_yaml(path).get("strategies")
            defined |= labels if isinstance(labels, dict) else {}
    return {name: label for name, label in defined.items() if name in named}


def with_labels(config: Config, experiments: Mapping[str, Experiment]) -> Config:
    """The configuration with the strategy labels and image folders that experiments define.

    A strategy label of the configuration overrides that of an experiment.

    Raises:
        InputError: a name has two different definitions.
    """
    merged: dict[str, dict[str, Any]] = {}
    algorithms = registry.names("strategies")
    for kind in ("strategies", "datasets"):
        given = getattr(config, kind)
        fixed = {name for name in given if kind == "strategies" and name not in algorithms}
        merged[kind] = {**given}
        for experiment in experiments.values():
            for name, entry in getattr(experiment, kind).items():
                _check_name(name, f"experiment {experiment.name}: {kind}")
                if name in fixed:
                    continue
                if merged[kind].setdefault(name, entry) != entry:
                    raise InputError(
                        f"experiment {experiment.name}: {kind}: {name!r} means something else "
                        "elsewhere; rename it"
                    )
    return config.model_copy(update=merged)


def _check_name(name: str, where: str) -> None:
    """A name becomes part of paths and commands."""
    if not re.fullmatch(LABEL.strip("^$"), name):
        raise InputError(f"{where}: {name!r:.80}: letters, digits and underscore only")


def _check_label(name: str, algorithm: str, settings: Mapping[str, Any], where: str) -> None:
    _known(algorithm, registry.names("strategies"), f"{where}.{name}.algorithm")
    model = registry.entry("strategies", algorithm).settings_model()
    validate(model, settings, {f"{where}.{name}.settings": settings})


def _check_experiment(config: Config, experiment: Experiment, source: str) -> None:
    labels = {**experiment.strategies, **config.strategies}
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
    strategies = [row.strategy for row in experiment.rows]
    for name, claim in experiment.claims.items():
        for strategy in claim.labels:
            _known(strategy, strategies, f"{source}: claims: {name}: a strategy of the rows")


def _check_stages(row: Row, algorithm: str, where: str) -> None:
    """Check that the strategy and space of a row allow its stages."""
    entry = registry.entry("strategies", algorithm)
    if row.removal and not entry.trains_supernet:
        raise InputError(f"{where}: removal: {algorithm} leaves no supernet")
    for stage in ("removal", "ranking"):
        if getattr(row, stage) and row.space != "nasbench201":
            raise InputError(f"{where}: {stage}: for the space nasbench201, not {row.space!r}")


def _without_table(config: Config, row: Row, labels: Mapping[str, StrategyLabel]) -> Row:
    """The row, marked as not run if it needs a table that does not exist."""
    if not row.stands_for or not _asks_table(row, labels):
        return row
    root, dataset = os.environ.get("SHAPLEY_NAS_DATA", config.data_root), row.datasets[0]
    if dataset in (DIGITS, *SETS) and find_table(root, dataset, config.nasbench_table):
        return row
    reason = f"not run: it needs a table of trained cells, and none has {dataset}"
    return row.model_copy(update={"not_run": reason})


def _asks_table(row: Row, labels: Mapping[str, StrategyLabel]) -> bool:
    """Whether the row needs a table."""
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
