"""Random search on the table of NAS-Bench-201: the best of many uniform draws.

The result is the draw with the best validation accuracy. This is the baseline "RS" of Dong & Yang,
"NAS-Bench-201" (ICLR 2020, section 4), after Bergstra & Bengio, "Random search for hyper-parameter
optimization" (JMLR 2012).
"""
# Tested in tests/strategies/test_table_search.py.

from __future__ import annotations

import numpy as np

from pipeline.strategies.table_search import Architecture, TableSearch


class RandomSearch(TableSearch):
    """Uniform draws that use no earlier accuracies."""

    def ask(self, rng: np.random.Generator) -> Architecture:
        """A uniform draw."""
        return self.random(rng)
