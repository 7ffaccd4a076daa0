"""DARTS+Shapley* of Table 1 (Xiao et al., CVPR 2022, section 4.3): alpha stays frozen.

The supernet is trained with the initial, almost uniform alpha. Then Shapley values choose the cell.
"""
# Tested in tests/strategies/test_shapley.py.

from __future__ import annotations

from pipeline.strategies.darts_shapley import DartsShapley


class DartsShapleyFrozen(DartsShapley):
    """DARTS with frozen alpha, discretised by Shapley values."""

    def frozen(self, epoch: int) -> bool:
        """Alpha is frozen in every epoch."""
        return True
