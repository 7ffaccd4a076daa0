"""The tables of trained cells: their data sets and their files.

NAS-Bench-201 (Dong & Yang, ICLR 2020) lies below the data root if the user has it;
`nasbench_digits`, our own small table, is part of the package.
"""
# Tested in tests/nasbench/test_digits.py.

from __future__ import annotations

from pathlib import Path

# Data sets of NAS-Bench-201, and their titles.
SETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16": "ImageNet-16-120"}
DIGITS = "digits"
FILE = Path("nas_bench_201", "nas_bench_201.csv.gz")
EMBEDDED = Path(__file__).parents[1] / "nasbench" / "nasbench_digits.csv.gz"
# Rows of the table that no search finds: the best value of each column, and the cell that equals
# ResNet's block. Table 5 of the paper prints both.
OPTIMAL = "optimal"
REFERENCES = (OPTIMAL, "resnet")


def find_table(
    data_root: Path | str, dataset: str = "cifar10", below: Path | str = FILE
) -> Path | None:
    """The file of the table that has a data set; None if it does not exist.

    Args:
        data_root: folder of the data sets.
        dataset: for digits the table is `nasbench_digits`.
        below: path of NAS-Bench-201 below the data root (`nasbench_table`).
    """
    path = EMBEDDED if dataset == DIGITS else Path(data_root) / below
    return path if path.is_file() else None
