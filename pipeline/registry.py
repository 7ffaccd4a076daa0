"""One registry for data sets, spaces, operations, strategies, estimators, genotypes, figures.

A plug-in is one file that calls `register` and one import line in the `__init__` of its package.
Modules that register must be importable without torch, so that a dry run stays fast: heavy
imports go inside functions (operations, which are torch modules, are the exception and are
imported by the supernet and the networks only).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from pipeline.errors import InputError

Entry = TypeVar("Entry")

# Where the plug-ins of each kind are imported from.
PACKAGES = {
    "datasets": "pipeline.data",
    "spaces": "pipeline.spaces",
    "operations": "pipeline.spaces.operations",
    "strategies": "pipeline.strategies",
    "estimators": "pipeline.shapley",
    "genotypes": "pipeline.networks.published",
    "figures": "pipeline.analysis.drawings",
}

_entries: dict[str, dict[str, Any]] = {kind: {} for kind in PACKAGES}


def register(kind: str, name: str) -> Callable[[Entry], Entry]:
    """Decorator that enters an object under `name`; a name taken already is a `ValueError`."""

    def enter(entry: Entry) -> Entry:
        if name in _entries[kind]:
            raise ValueError(f"{kind}: {name!r} is registered twice")
        _entries[kind][name] = entry
        return entry

    return enter


def names(kind: str) -> list[str]:
    """Sorted names of one kind."""
    import_module(PACKAGES[kind])
    return sorted(_entries[kind])


def get(kind: str, name: str) -> Any:
    """The entry called `name`; an unknown one is an `InputError` that suggests the nearest."""
    known = names(kind)
    if name not in _entries[kind]:
        raise InputError(f"{kind}: unknown {name!r}; {nearest(name, known)}")
    return _entries[kind][name]


def nearest(name: str, known: list[str]) -> str:
    """A clause for an error message: the nearest known name, or all of them."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
