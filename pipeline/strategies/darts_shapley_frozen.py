"""DARTS+Shapley* of Table 1 (Xiao et al., CVPR 2022, section 4.3): alpha stays frozen.

The weights of the supernet are trained with the initial alpha, which mixes the operations almost
uniformly. After the last epoch the cell is chosen by Shapley values.
"""
# Tested in tests/strategies/test_shapley.py.

from __future__ import annotations

from pipeline.strategies.darts_shapley import DartsShapley


class DartsShapleyFrozen(DartsShapley):
    """DARTS with frozen alpha, discretised by Shapley values."""

    def frozen(self, epoch: int) -> bool:
        """Alpha is frozen in every epoch."""
        return True
