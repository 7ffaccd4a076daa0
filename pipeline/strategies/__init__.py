"""Search strategies, one file each; `docs/add-a-strategy.md` shows how to add one.

Importing this package imports no torch: a dry run reads the strategies' metadata and settings.
"""

from pipeline.strategies import darts, random, shapley  # noqa: F401  (each registers its strategy)
from pipeline.strategies.contract import Metadata, Strategy

__all__ = ["Metadata", "Strategy"]
