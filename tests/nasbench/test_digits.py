"""`nasbench_digits` and what is asked of it, on a made-up one of the same shape."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.nasbench import DIGITS_ACCURACIES, Table, cells, find_table
from pipeline.nasbench.protocols import protocol
from pipeline.registry import tables
from pipeline.stages import query
from tests.nasbench.toys import digits_frame, write_toy_table


@pytest.fixture
def embedded(tmp_path, monkeypatch):
    """The made-up table where the package has its own."""
    path = write_toy_table(tmp_path / "nasbench_digits.csv.gz", digits_frame())
    monkeypatch.setattr(tables, "EMBEDDED", path)
    return path


def test_it_is_the_table_of_digits_and_of_nothing_else(embedded, tmp_path):
    assert find_table(tmp_path / "data", "digits") == embedded
    assert find_table(tmp_path / "data", "cifar10") is None
    real = write_toy_table(tmp_path / "data" / "nas_bench_201" / "nas_bench_201.csv.gz")
    assert find_table(tmp_path / "data", "cifar100") == real
    embedded.unlink()
    assert find_table(tmp_path / "data", "digits") is None


def test_it_ranks_by_its_own_columns(embedded, tmp_path):
    table = Table.load(embedded)
    assert table.accuracies == DIGITS_ACCURACIES
    answer = query.look_up(embedded, index=cells.N_ARCHITECTURES - 2)
    assert answer["rank_digits_test"] == 2
    assert answer["regret_digits_test"] == pytest.approx(0.004)
    assert "rank_cifar10_test" not in answer
    assert "4 epochs" in answer["protocols"]["digits_valid"]
    assert "seed 1" in answer["protocols"]["digits_test_seed1"]
    table.save(tmp_path / "table.npy")
    assert Table.load(tmp_path / "table.npy").query(7) == table.query(7)


def test_half_a_digits_table_is_refused(tmp_path):
    path = write_toy_table(tmp_path / "t.csv", digits_frame().drop(columns="digits_test"))
    with pytest.raises(InputError, match="no column 'digits_test'"):
        Table.load(path)
    assert protocol("digits_train") is None


def test_references_of_any_table(embedded, tmp_path):
    best = query.reference_of("optimal", Table.load(embedded))
    assert best["digits_test"] == pytest.approx((cells.N_ARCHITECTURES - 1) / 250, abs=1e-4)
    assert best["rank_digits_valid"] == 1 and best["regret_digits_valid"] == 0
    resnet = query.reference_of("resnet", Table.load(embedded))
    arch = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"
    assert resnet["arch"] == arch
    out = tmp_path / "results" / "nasbench201" / "digits" / "table_optimal" / "seed0" / "query"
    query.run_reference("optimal", embedded, out)
    assert pd.read_json(out / "metrics.json", typ="series")["digits_valid"] == best["digits_valid"]


def test_isomorphic_cells_are_those_of_the_definition():
    """`skip_connect` copies, `none` is nothing: 6,466 distinct texts."""
    texts = {cells.unique_text(tuple(code)) for code in cells.codes()}
    assert len(texts) == 6466
    first, second = (
        cells.unique_text(cells.parse(arch))
        for arch in (
            # Node 1 is a copy of the input, so that 3<-1 and 3<-0 are the same edge.
            "|skip_connect~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
            "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|",
        )
    )
    assert first == second
    assert np.unique(list(texts)).size == 6466
