"""Finds the tables with the accuracies of trained cells.

The data root has the table of NAS-Bench-201 (Dong & Yang, ICLR 2020). Our table for digits,
`nasbench_digits`, is part of the package.
"""
# Tested in tests/nasbench/test_digits.py.

from __future__ import annotations

from pathlib import Path

# Data sets of NAS-Bench-201, and their titles.
SETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16": "ImageNet-16-120"}
DIGITS = "digits"
FILE = Path("nas_bench_201", "nas_bench_201.csv.gz")
EMBEDDED = Path(__file__).parents[1] / "nasbench" / "nasbench_digits.csv.gz"
# Rows of Table 5 of the paper that need no search: the best of each column, and ResNet's block.
OPTIMAL = "optimal"
REFERENCES = (OPTIMAL, "resnet")


def find_table(
    data_root: Path | str, dataset: str = "cifar10", below: Path | str = FILE
) -> Path | None:
    """The file of the table with the accuracies on a data set; None if there is no such file.

    `below` is the path of the NAS-Bench-201 table in the data root (setting `nasbench_table`).
    """
    path = EMBEDDED if dataset == DIGITS else Path(data_root) / below
    return path if path.is_file() else None
