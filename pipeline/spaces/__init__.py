"""Search spaces and genotypes; free of torch except for the operations and stems."""

from pipeline.spaces.genotype import Genotype
from pipeline.spaces.space import Player, Space

__all__ = ["Genotype", "Player", "Space"]
