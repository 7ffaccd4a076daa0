"""Options that several verbs (subcommands) share."""
# Tested in tests/verbs/test_slices.py.

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline import machine, registry
from pipeline.config.layers import named_files
from pipeline.verbs.given import Given


def completed(kind: str) -> Callable[..., list[str]]:
    """A function that shell completion calls to list the names of a kind, such as `spaces`."""

    def names(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
        files_of = named_files if kind in ("presets", "experiments") else registry.names
        return [name for name in files_of(kind) if name.startswith(begun)]

    return names


def _named(option: str, kind: str, meaning: str, **more: Any) -> Callable[..., Any]:
    return click.option(option, help=meaning, shell_complete=completed(kind), **more)


OPTIONS: dict[str, tuple[Callable[..., Any], ...]] = {
    "space": (_named("--space", "spaces", "name of the space (`list spaces`)"),),
    "dataset": (_named("--dataset", "datasets", "name of the data set (`list datasets`)"),),
    "strategy": (_named("--strategy", "strategies", "strategy label"),),
    "genotype": (
        _named("--genotype", "genotypes", "genotype.json, published name, NAS-Bench-201 string"),
        _named("--space", "spaces", "space of the genotype", default="darts", show_default=True),
    ),
    "target": (_named("--target", "datasets", "data set to train on"),),
    "experiment": (_named("--experiment", "experiments", "an experiment that draws a figure"),),
    "seed": (click.option("--seed", type=click.IntRange(0), default=0, show_default=True),),
    "manifest": (click.option("--manifest", type=Path, help="manifest.json of the data set"),),
    "table": (click.option("--table", type=Path, help="NAS-Bench-201 table, .npy or .csv(.gz)"),),
    "job": (click.option("--job", metavar="JSON|FILE", help="settings of the stage"),),
    "data_root": (
        click.option(
            "--data-root", envvar="SHAPLEY_NAS_DATA", type=Path, help="folder of the data sets"
        ),
    ),
    "results": (
        click.option("--results", type=Path, default=Path("results/demo"), show_default=True),
    ),
    "out": (click.option("--out", type=Path, help="folder of the results"),),
    "device": (
        click.option("--device", envvar="SHAPLEY_NAS_DEVICE", default="auto", show_default=True),
        click.option(
            "--threads",
            type=click.IntRange(1),
            default=machine.n_cpus,
            help="CPU threads [all available]",
        ),
        click.option(
            "--deterministic", envvar="SHAPLEY_NAS_DETERMINISTIC", type=bool, default=True
        ),
    ),
    "ranks": (
        click.option(
            "--processes",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="processes per machine",
        ),
        click.option(
            "--nodes", type=click.IntRange(1), default=1, show_default=True, help="machines (SLURM)"
        ),
    ),
    "config": (
        _named("--preset", "presets", "sizes of all runs [as in config/config.yaml]"),
        click.option("--configfile", type=Path, multiple=True, help="YAML, overrides config.yaml"),
        click.option(
            "--set", "assignments", multiple=True, metavar="KEY.SUB=VALUE", help="change a setting"
        ),
    ),
}


def takes(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator that adds some of `OPTIONS` to a verb and passes it their values, a `Given`."""

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        parameters = verb.__code__.co_varnames[1 : verb.__code__.co_argcount]

        @functools.wraps(verb)
        def command(**values: Any) -> None:
            verb(Given(values), **{name: values[name] for name in parameters})

        for name in reversed(names):
            for option in reversed(OPTIONS[name]):
                command = option(command)
        return command

    return decorate
