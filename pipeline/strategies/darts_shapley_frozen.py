"""DARTS+Shapley* of Table 1 (Xiao et al., CVPR 2022, section 4.3): alpha frozen all along.

The supernet is trained under the nearly uniform mixture that alpha starts from; Shapley values
after the last epoch choose the cell.
"""

from __future__ import annotations

from pipeline.registry import register
from pipeline.strategies.contract import Metadata
from pipeline.strategies.darts import RECIPE
from pipeline.strategies.darts_shapley import DartsShapley, DartsShapleySettings
from pipeline.strategies.edges import WITHOUT_NONE


@register("strategies", "darts_shapley_frozen")
class DartsShapleyFrozen(DartsShapley):
    """A supernet without architecture search, discretised by Shapley values."""

    metadata = Metadata(
        name="darts_shapley_frozen",
        title="DARTS+Shapley*",
        paper="Xiao et al., CVPR 2022",
        trains_supernet=True,
        settings=DartsShapleySettings,
        recipes={"darts": RECIPE, "nasbench201": WITHOUT_NONE},
    )

    def frozen(self, epoch: int) -> bool:
        """Always."""
        return True
