"""One registry for data sets, spaces, operations, strategies, estimators, genotypes and figures.

An `Entry` holds the name, the settings and the location ("module:attribute") of an object, so that
a dry run does not import torch. Data sets, spaces, strategies and figures have entries in this
package. The decorator `register` registers operations, estimators and genotypes where they are
defined. Other packages add objects through entry points (`plugins.py`).
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from pipeline.errors import InputError
from pipeline.registry import plugins
from pipeline.settings import Settings

Thing = TypeVar("Thing")

# Kind -> the module whose import registers everything of that kind.
SOURCES = {
    "datasets": "pipeline.registry.datasets",
    "spaces": "pipeline.registry.spaces",
    "operations": "pipeline.spaces.operations",
    "strategies": "pipeline.registry.strategies",
    "estimators": "pipeline.shapley",
    "genotypes": "pipeline.networks.published",
    "figures": "pipeline.registry.figures",
}

_entries: dict[str, dict[str, Entry]] = {kind: {} for kind in SOURCES}
# (kind, name) -> distribution and version of the package that registered it.
_brought_by: dict[tuple[str, str], dict[str, str]] = {}


@dataclass(frozen=True)
class Entry:
    """The description of a registered object."""

    name: str  # as in the configuration and in paths
    target: Any  # the object, or its location "module:attribute"
    # Model of its settings, or the model's location "module:attribute"
    settings: type[Settings] | str = Settings

    def load(self) -> Any:
        """The object itself."""
        return resolve(self.target)

    def settings_model(self) -> type[Settings]:
        """The model of its settings."""
        model: type[Settings] = resolve(self.settings)
        return model


def resolve(target: Any) -> Any:
    """The object at "module:attribute"; anything but text is returned unchanged."""
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def lazy(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__` (PEP 562) that loads the module of a public name on first use."""

    def getattr_(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return resolve(f"{package}.{modules[name]}:{name}")

    return getattr_


def add(kind: str, *entries: Entry) -> None:
    """Register entries of one kind; a duplicate name raises `ValueError`."""
    for entry in entries:
        if entry.name in _entries[kind]:
            raise ValueError(f"{kind}: {entry.name!r} is registered twice")
        _entries[kind][entry.name] = entry


def register(
    kind: str, name: str, settings: type[Settings] | str = Settings
) -> Callable[[Thing], Thing]:
    """Decorator that registers an object at its definition."""

    def enter(thing: Thing) -> Thing:
        add(kind, Entry(name, thing, settings))
        return thing

    return enter


def names(kind: str) -> list[str]:
    """Sorted names of one kind."""
    _load(kind)
    return sorted(_entries[kind])


@functools.cache
def _load(kind: str) -> None:
    """Register everything of one kind, also from other packages."""
    import_module(SOURCES[kind])
    for point in plugins.points(kind):
        before = _all()
        plugins.load(point)
        if point.dist is not None:
            origin = {"distribution": point.dist.name, "version": point.dist.version}
            _brought_by.update(dict.fromkeys(_all() - before, origin))


def _all() -> set[tuple[str, str]]:
    return {(kind, name) for kind, entries in _entries.items() for name in entries}


def brought_by(kind: str, name: str) -> dict[str, str] | None:
    """The package that registered an object, with its version; None for our objects."""
    _load(kind)
    return _brought_by.get((kind, name))


def entry(kind: str, name: str) -> Any:
    """The entry called `name`; an unknown name raises `InputError`."""
    known = names(kind)
    if name not in _entries[kind]:
        raise InputError(f"{kind}: unknown {name!r}; {nearest(name, known)}")
    return _entries[kind][name]


def get(kind: str, name: str) -> Any:
    """The object called `name`; imports its module. An unknown name raises `InputError`."""
    return entry(kind, name).load()


def nearest(name: str, known: list[str]) -> str:
    """For error messages: the nearest known name, or all if none is near."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
