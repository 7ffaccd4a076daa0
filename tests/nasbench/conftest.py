import os

import pytest

from pipeline.nasbench import Table, find_table


@pytest.fixture(scope="session")
def real():
    """The benchmark's own table, where it is at hand."""
    root = os.environ.get("SHAPLEY_NAS_DATA")
    path = find_table(root) if root else None
    if path is None:
        pytest.skip("SHAPLEY_NAS_DATA holds no nas_bench_201/nas_bench_201.csv.gz")
    return Table.load(path)
