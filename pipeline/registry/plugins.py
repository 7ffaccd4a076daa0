"""Loads strategies, estimators, spaces, operations and data sets from other packages.

Each entry point of a group `shapley_nas.<kind>` names a module. On import, the module calls
`pipeline.registry.add`, or decorates an estimator with `pipeline.shapley.estimation.estimator`.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from pipeline.errors import InputError

KINDS = ("strategies", "estimators", "spaces", "operations", "datasets")


def points(kind: str) -> tuple[EntryPoint, ...]:
    """The entry points of installed packages for one kind."""
    return tuple(entry_points(group=f"shapley_nas.{kind}")) if kind in KINDS else ()


def load(point: EntryPoint) -> None:
    """Import the module that an entry point names.

    Raises:
        InputError: the module cannot be imported, or registers a name that already exists.
    """
    try:
        point.load()
    except Exception as error:
        raise InputError(
            f"entry point {point.name!r} ({point.value}) of group {point.group} does not load: "
            f"{type(error).__name__}: {error}; mend or uninstall its package"
        ) from error
