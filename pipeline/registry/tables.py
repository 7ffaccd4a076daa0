"""Finds the tables that list the accuracies of trained cells on each data set.

The table of NAS-Bench-201 (Dong & Yang, ICLR 2020) is a file that you put into the data root. Our
small table, `nasbench_digits`, is part of the package.
"""
# Tested in tests/nasbench/test_digits.py.

from __future__ import annotations

from pathlib import Path

# Data sets of NAS-Bench-201, and their titles.
SETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16": "ImageNet-16-120"}
DIGITS = "digits"
FILE = Path("nas_bench_201", "nas_bench_201.csv.gz")
EMBEDDED = Path(__file__).parents[1] / "nasbench" / "nasbench_digits.csv.gz"
# Two rows of Table 5 of the paper that come from no search: the best value of each column, and the
# cell that equals ResNet's block.
OPTIMAL = "optimal"
REFERENCES = (OPTIMAL, "resnet")


def find_table(
    data_root: Path | str, dataset: str = "cifar10", below: Path | str = FILE
) -> Path | None:
    """The file of the table with the accuracies on a data set; None if there is no such file.

    Args:
        data_root: folder of the data sets.
        dataset: name of the data set; for `digits` the table is `nasbench_digits`.
        below: setting `nasbench_table`, the path of the NAS-Bench-201 table in the data root.
    """
    path = EMBEDDED if dataset == DIGITS else Path(data_root) / below
    return path if path.is_file() else None
