"""The compact table: what it refuses, what it answers, and the benchmark's known rows."""

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.nasbench import ACCURACIES, Table, find_table
from pipeline.nasbench.cells import architectures, parse
from pipeline.nasbench.protocols import protocol
from tests.nasbench.toys import toy_frame, write_toy_table

N = 15_625


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return Table.load(write_toy_table(tmp_path_factory.mktemp("toy") / "table.csv.gz"))


def test_architectures_are_what_the_official_package_parses():
    from nas_201_api import NASBench201API

    found = list(architectures())
    assert len(set(found)) == N
    operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    for code in range(0, N, 97):
        digits = [code // 5**power % 5 for power in range(5, -1, -1)]
        a, b, c, d, e, f = (operations[digit] for digit in digits)
        assert NASBench201API.str2lists(found[code]) == [
            ((a, 0),),
            ((b, 0), (c, 1)),
            ((d, 0), (e, 1), (f, 2)),
        ]


def test_rank_regret_and_optimum_of_known_values(toy):
    assert toy.optimal("cifar10_valid")["index"] == N - 1
    assert toy.optimal("cifar10_test")["index"] == 0
    assert [toy.rank("cifar10_valid", i) for i in (N - 1, N - 2, 0)] == [1, 2, N]
    assert toy.rank("cifar10_test", 0) == 1
    assert toy.regret("cifar10_valid", N - 1) == 0
    assert toy.regret("cifar10_valid", N - 3) == 0.01
    answer = toy.query(4)
    assert answer["cifar10_valid"] == 0.02 and answer["rank_cifar10_test"] == 5
    assert {f"{kind}{name}" for kind in ("", "rank_", "regret_") for name in ACCURACIES} < set(
        answer
    )


def test_equals_share_the_better_rank(tmp_path):
    frame = toy_frame()
    frame.loc[10, "cifar10_valid"] = frame.loc[11, "cifar10_valid"]
    table = Table.load(write_toy_table(tmp_path / "t.csv", frame))
    assert table.rank("cifar10_valid", 10) == table.rank("cifar10_valid", 11) == N - 11


def test_rows_are_found_by_official_index_in_any_order_of_the_file(tmp_path, toy):
    shuffled = toy_frame().sample(frac=1, random_state=0)
    table = Table.load(write_toy_table(tmp_path / "t.csv", shuffled))
    for index in (0, 4711, N - 1):
        assert table.row(index) == toy.row(index)
        assert table.index_of(table.row(index)["arch"]) == index


def test_a_blank_beside_the_accuracies_is_none(tmp_path):
    frame = toy_frame().assign(latency=1.5)
    frame.loc[3, "latency"] = math.nan
    table = Table.load(write_toy_table(tmp_path / "t.csv", frame))
    assert table.row(3)["latency"] is None and table.row(4)["latency"] == 1.5


def drop_column(frame):
    return frame.drop(columns="cifar10_test")


def misspell_column(frame):
    return frame.rename(columns={"imagenet16_valid": "imagenet_valid"})


def drop_row(frame):
    return frame[:-1]


def repeat_index(frame):
    return frame.assign(index=frame["index"].replace(7, 8))


def repeat_architecture(frame):
    return frame.assign(arch=frame["arch"].replace(frame["arch"][7], frame["arch"][8]))


def spoil_value(frame):
    column = frame["cifar100_test"].astype(object)
    column[5] = "n/a?"
    return frame.assign(cifar100_test=column)


def blank_value(frame):
    return frame.assign(cifar10_valid=frame["cifar10_valid"].mask(frame["index"] == 2))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop_column, ["cifar10_test"]),
        (misspell_column, ["imagenet16_valid", "did you mean 'imagenet_valid'"]),
        (drop_row, ["15624 rows", "15625"]),
        (repeat_index, ["'index'"]),
        (repeat_architecture, ["'arch'", "lacks 1"]),
        (spoil_value, ["cifar100_test", "line 7", "n/a?"]),
        (blank_value, ["cifar10_valid", "line 4"]),
    ],
)
def test_a_table_that_is_not_whole_is_refused_in_one_line(tmp_path, change, words):
    path = write_toy_table(tmp_path / "table.csv", change(toy_frame()))
    with pytest.raises(InputError) as error:
        Table.load(path)
    message = str(error.value)
    assert "\n" not in message
    assert all(word in message for word in [str(path), *words])


@pytest.mark.parametrize("keep", [0.5, 0.0])
def test_a_truncated_file_is_refused(tmp_path, keep):
    path = write_toy_table(tmp_path / "table.csv.gz")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(InputError, match="truncated or not a CSV"):
        Table.load(path)


def test_what_is_not_there_is_said(toy, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Table.load(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="15625 is not in 0"):
        toy.row(N)
    with pytest.raises(InputError, match="-1 is not"):
        toy.query(-1)
    with pytest.raises(InputError, match="sep_conv"):
        toy.index_of("|sep_conv~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    with pytest.raises(InputError, match="did you mean 'cifar10_test'"):
        toy.rank("cifar10_tset", 0)


def test_find_table(tmp_path):
    assert find_table(tmp_path) is None
    path = write_toy_table(tmp_path / "nas_bench_201" / "nas_bench_201.csv.gz")
    assert find_table(tmp_path) == path
    assert isinstance(path, Path)


# Known rows: params and MACs of the benchmark's networks (design/facts.md, section 1), accuracies
# and optima as published in the README beside the table.
COUNTS = {
    0: (129_306, 15_647_360),
    857: (858_426, 121_815_680),
    1462: (1_531_546, 220_119_680),
    1835: (73_306, 7_783_040),
    2299: (73_306, 7_783_040),
    6111: (1_073_466, 153_272_960),
    9930: (1_288_506, 184_730_240),
}


def test_real_counts(real):
    for index, (params, macs) in COUNTS.items():
        row = real.row(index)
        assert row["cifar10_params_m"] == pytest.approx(params / 1e6, abs=5e-7)
        # The official FLOPs are MACs plus the number of classes.
        assert row["cifar10_flops_m"] == pytest.approx((macs + 10) / 1e6, abs=5e-6)


@pytest.mark.parametrize(
    ("column", "index", "value"),
    [
        ("cifar10_valid", 6111, 91.61),
        ("cifar10_test", 6111, 94.37),
        ("cifar100_valid", 9930, 73.49),
        ("cifar100_test", 9930, 73.51),
        ("imagenet16_valid", 10676, 46.73),
        ("imagenet16_test", 857, 47.31),
    ],
)
def test_real_optima(real, column, index, value):
    best = real.optimal(column)
    assert best["index"] == index
    assert best[column] == pytest.approx(value, abs=0.005)
    assert real.rank(column, index) == 1 and real.regret(column, index) == 0


def test_real_rows(real):
    skip = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+" + (
        "|skip_connect~0|skip_connect~1|skip_connect~2|"
    )
    assert real.index_of(skip) == 1835
    row = real.row(1835)
    tests = [row[f"{name}_test"] for name in ("cifar10", "cifar100", "imagenet16")]
    assert tests == pytest.approx([54.30, 15.61, 16.32], abs=0.005)
    # All conv_3x3: 166 architectures are better on CIFAR-10's test set.
    assert real.rank("cifar10_test", 1462) == 167
    assert real.row(1462)["cifar10_test"] == pytest.approx(93.76, abs=0.005)


def test_the_compact_form_answers_as_its_source(tmp_path, toy):
    toy.save(tmp_path / "table.npy")
    compact = Table.load(tmp_path / "table.npy")
    assert compact.columns == toy.columns
    for index in (0, 4711, N - 1):
        assert compact.query(index) == toy.query(index)


def test_a_damaged_compact_table_is_refused(tmp_path, toy):
    toy.save(tmp_path / "table.npy")
    whole = (tmp_path / "table.npy").read_bytes()
    (tmp_path / "table.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="convert again"):
        Table.load(tmp_path / "table.npy")
    np.save(tmp_path / "other.npy", np.zeros(3))
    with pytest.raises(InputError, match="no compact table"):
        Table.load(tmp_path / "other.npy")


def test_many_look_ups_at_once(toy):
    texts = list(architectures())[::-7]
    indices = toy.indices(texts)
    assert indices.tolist() == [toy.index_of(text) for text in texts]
    codes = np.array([parse(text) for text in texts], dtype=np.uint8)
    assert toy.indices(codes).tolist() == indices.tolist()
    with pytest.raises(InputError, match="no cell"):
        toy.indices([texts[0], "nonsense"])


def test_every_accuracy_says_its_protocol(toy):
    said = toy.protocols()
    assert set(ACCURACIES) <= set(said)
    assert "200 epochs" in said["cifar10_test"]
    assert "half of the training set" in said["cifar10_valid"]
    assert "12 epochs" in str(protocol("cifar10_test_12ep"))
    assert "seed 777" in str(protocol("cifar100_test_seed777"))
    assert protocol("latency_ms_fpga") is None


out_of_range = (
    st.sampled_from([math.inf, -math.inf, -1.0, 194.2, 1e300])
    | st.floats(max_value=-1e-3)
    | st.floats(min_value=100.001)
)


@pytest.fixture(scope="module")
def compact(tmp_path_factory):
    """A table in memory, its file, and a column of each kind that has bounds."""
    folder = tmp_path_factory.mktemp("compact")
    more = dict.fromkeys(["cifar10_test_12ep", "cifar10_valid_seed777"], 50.0)
    more |= {"cifar10_params_m": 1.5, "cifar100_flops_m": 2.5, "latency_ms_titanx_1": 3.5}
    table = Table.load(write_toy_table(folder / "t.csv", toy_frame().assign(**more)))
    return folder / "t.npy", table


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(0, N - 1), out_of_range)
def test_any_number_out_of_range_in_any_place_is_refused(compact, data, index, number):
    """By the one check that every source and the compact form go through."""
    path, table = compact
    column = data.draw(st.sampled_from(table.columns))
    if number > 0 and math.isfinite(number) and column.endswith(("_m", "_1")):
        number = -number  # sizes have no upper bound
    rows = np.array(table.rows)
    rows[column][index] = number
    Table(path, rows).save(path)
    with pytest.raises(InputError) as error:
        Table.load(path)
    assert all(word in str(error.value) for word in (str(path), repr(column), f"index {index}"))


@pytest.mark.parametrize("number", ["inf", "-1", "194.2", "1e999"])
def test_a_csv_with_such_a_number_is_refused(number, tmp_path):
    path = write_toy_table(tmp_path / "t.csv")
    lines = path.read_text().splitlines()
    head, values = lines[0].split(","), lines[9].split(",")
    values[head.index("cifar10_test")] = number
    lines[9] = ",".join(values)
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"'cifar10_test', index 8: .* between 0 and 100"):
        Table.load(path)


@pytest.mark.parametrize("column", ["cifar100_valid", "cifar10_test_12ep"])
def test_fractions_are_not_taken_for_percent(column, tmp_path):
    frame = toy_frame().assign(cifar10_test_12ep=50.0)
    path = write_toy_table(tmp_path / "t.csv", frame.assign(**{column: frame[column] / 100}))
    with pytest.raises(InputError, match=rf"'{column}'.*in percent, multiply fractions by 100"):
        Table.load(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("cifar10_test", "cifar10_valid", 1), "stands twice"),
        (lambda text: text + text, "far larger"),
        (lambda text: "," * 5000 + text, "far larger"),
    ],
)
def test_what_pandas_would_mend_or_swallow_is_refused(change, words, tmp_path):
    path = write_toy_table(tmp_path / "t.csv")
    path.write_text(change(path.read_text()) * (2 if words == "far larger" else 1))
    with pytest.raises(InputError, match=words):
        Table.load(path)


def test_a_packed_table_without_end_is_refused_early(tmp_path):
    path = tmp_path / "t.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(80):
            stream.write(b"0" * 2**20)
    with pytest.raises(InputError, match="far larger"):
        Table.load(path)


def test_the_compact_form_cannot_say_another_order(compact):
    path, table = compact
    rows = np.array(table.rows)
    rows["row_of_number"] = rows["row_of_number"][::-1]
    Table(path, rows).save(path)
    with pytest.raises(InputError, match="damaged, or no compact table"):
        Table.load(path)
