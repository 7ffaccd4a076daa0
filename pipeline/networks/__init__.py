"""Builds the network of a genotype, counts its parameters and multiply-adds, and saves it.

torch is imported only when a function needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.registry import lazy

if TYPE_CHECKING:
    from pipeline.networks.assembly import build, build_seeded
    from pipeline.networks.budget import fit
    from pipeline.networks.count import profile, profile_genotype
    from pipeline.networks.exported import export
    from pipeline.networks.model_file import load_model, save_model
    from pipeline.networks.published import resolve

__all__ = [
    "build",
    "build_seeded",
    "export",
    "fit",
    "load_model",
    "profile",
    "profile_genotype",
    "resolve",
    "save_model",
]

__getattr__ = lazy(
    __name__,
    {
        "build": "assembly",
        "build_seeded": "assembly",
        "export": "exported",
        "fit": "budget",
        "load_model": "model_file",
        "profile": "count",
        "profile_genotype": "count",
        "resolve": "published",
        "save_model": "model_file",
    },
)
