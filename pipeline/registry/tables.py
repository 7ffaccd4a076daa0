"""The tables of trained cells: which data sets they know and where they lie.

NAS-Bench-201 (Dong & Yang, ICLR 2020) lies below the data root if the user has it;
`nasbench_digits`, a small table of our own, comes with the package.
"""
# Tested in tests/nasbench/test_digits.py.

from __future__ import annotations

from pathlib import Path

# Data sets of NAS-Bench-201, and their titles.
SETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16": "ImageNet-16-120"}
DIGITS = "digits"
FILE = Path("nas_bench_201", "nas_bench_201.csv.gz")
EMBEDDED = Path(__file__).parents[1] / "nasbench" / "nasbench_digits.csv.gz"
# Rows of the table that no search finds: the best value of each column, and the cell that is
# ResNet's block, which Table 5 of the paper prints.
OPTIMAL = "optimal"
REFERENCES = (OPTIMAL, "resnet")


def find_table(
    data_root: Path | str, dataset: str = "cifar10", below: Path | str = FILE
) -> Path | None:
    """Where the table that knows a data set lies, None if it is not there.

    Args:
        data_root: folder of the data sets.
        dataset: on digits the table is `nasbench_digits`.
        below: where NAS-Bench-201 lies below the data root (`nasbench_table`).
    """
    path = EMBEDDED if dataset == DIGITS else Path(data_root) / below
    return path if path.is_file() else None
