"""The benchmark NAS-Bench-201 as a compact table: found cells are looked up, not trained."""

from pipeline.nasbench.table import ACCURACIES, Table, find_table

__all__ = ["ACCURACIES", "Table", "find_table"]
