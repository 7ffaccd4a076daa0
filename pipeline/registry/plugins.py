"""Strategies of other packages, found by their entry points in the group `shapley_nas.strategies`.

An entry point names a module that calls `pipeline.registry.add("strategies", ...)`.
"""
# Tested in tests/strategies/test_plugins.py.

from __future__ import annotations

from importlib.metadata import entry_points

from pipeline.errors import InputError

GROUP = "shapley_nas.strategies"


def load() -> None:
    """Import the modules that installed packages name; each registers its strategy.

    Raises:
        InputError: one cannot be imported, or takes a name that is taken.
    """
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:
            raise InputError(
                f"entry point {point.name!r} ({point.value}) of group {GROUP} does not load: "
                f"{type(error).__name__}: {error}; mend or uninstall its package"
            ) from error
