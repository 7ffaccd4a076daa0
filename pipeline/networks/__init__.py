"""Discrete networks: built from a genotype, counted, drawn, saved.

`build` and the rest load torch when they are first asked for, so that the published genotypes
stay light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.networks.assembly import build
    from pipeline.networks.count import profile, profile_genotype
    from pipeline.networks.model_file import load_model, save_model
    from pipeline.networks.published import resolve

__all__ = ["build", "load_model", "profile", "profile_genotype", "resolve", "save_model"]

_MODULES = {
    "build": "assembly",
    "load_model": "model_file",
    "profile": "count",
    "profile_genotype": "count",
    "resolve": "published",
    "save_model": "model_file",
}


def __getattr__(name: str) -> Any:
    """Import a public function from its module on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
