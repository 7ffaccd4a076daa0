"""Search spaces and genotypes; only the operations and stems import torch."""

from pipeline.spaces.genotype import Genotype
from pipeline.spaces.space import Player, Space

__all__ = ["Genotype", "Player", "Space"]
