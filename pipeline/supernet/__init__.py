"""Supernets: every operation on every edge, mixed with weights that the caller passes.

`Space.supernet` creates a supernet. The code in `fast/` computes the same numbers faster.
"""

from pipeline.supernet.batch_norm import evaluation_mode
from pipeline.supernet.fast.reuse import ActivationCache
from pipeline.supernet.mixture import mixture
from pipeline.supernet.supernet import Supernet

__all__ = ["ActivationCache", "Supernet", "evaluation_mode", "mixture"]
