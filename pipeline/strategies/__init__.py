"""Search strategies, one file each; a new one is a file and an import line here."""

from pipeline.strategies import darts, random, shapley  # noqa: F401  (each registers itself)
from pipeline.strategies.contract import Metadata, Strategy

__all__ = ["Metadata", "Strategy"]
