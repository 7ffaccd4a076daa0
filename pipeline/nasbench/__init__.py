"""NAS-Bench-201 (Dong & Yang, ICLR 2020): the compact table, its sources, its cells."""

from pipeline.nasbench.protocols import ACCURACIES
from pipeline.nasbench.table import Table, find_table

__all__ = ["ACCURACIES", "Table", "find_table"]
