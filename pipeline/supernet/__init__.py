"""Supernets: every operation on every edge, mixed with weights that the caller passes.

`build_supernet` makes the supernet of a space. The code in `fast/` computes the same numbers
faster.
"""

from pipeline.supernet.batch_norm import evaluation_mode
from pipeline.supernet.fast.reuse import ActivationCache
from pipeline.supernet.mixture import mixture
from pipeline.supernet.supernet import Supernet, build_supernet

__all__ = ["ActivationCache", "Supernet", "build_supernet", "evaluation_mode", "mixture"]
