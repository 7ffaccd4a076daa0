"""NAS-Bench-201 (Dong & Yang, ICLR 2020): the compact table, its sources, its cells."""

from pipeline.nasbench.protocols import ACCURACIES, DIGITS_ACCURACIES
from pipeline.nasbench.table import Table
from pipeline.registry.tables import DIGITS, EMBEDDED, find_table

__all__ = ["ACCURACIES", "DIGITS", "DIGITS_ACCURACIES", "EMBEDDED", "Table", "find_table"]
