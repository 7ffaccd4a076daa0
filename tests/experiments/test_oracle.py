"""Oracle experiments: the table's rows by hand, and the grid on a toy, resumed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.analysis import results_page
from pipeline.experiments import digits_table, oracle, oracle_summary, oracle_table
from pipeline.files import read_json, write_json
from pipeline.nasbench import Table, cells
from pipeline.nasbench.additive import kendall
from pipeline.nasbench.table import CODE
from tests.nasbench.toys import digits_frame, toy_frame, write_toy_table


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Accuracies that add up over edges but for one pair, which earns 30 together."""
    frame = toy_frame()
    rng = np.random.default_rng(0)
    worth = rng.uniform(0, 10, size=(6, 5))
    worth[:, 0] = 0
    codes = np.array([cells.parse(arch) for arch in frame["arch"]])
    added = worth[np.arange(6), codes].sum(axis=1)
    frame["cifar10_test"] = 10 + added + 30 * ((codes[:, 0] == 3) & (codes[:, 5] == 3))
    return Table.load(write_toy_table(tmp_path_factory.mktemp("oracle") / "t.csv", frame))


def test_scores_that_know_the_table(table, monkeypatch):
    monkeypatch.setattr(oracle_table, "REPEATS", 2)
    rows = {row["score"]: row for row in oracle_table.score_rows(table, "cifar10_test")}
    y = table.column("cifar10_test")
    assert rows["main effects and all pairs of edges"]["tau"] == 1  # it is such a table
    pairs = oracle_table.pair_scores(np.asarray(table.rows[CODE]), y)
    assert np.allclose(pairs, y, atol=1e-3)
    assert 0.5 < rows["main effects"]["tau"] < 1
    assert rows["Shapley values"]["phi_tau"] == 1
    codes = np.asarray(table.rows[CODE])
    means = [[y[codes[:, e] == o].mean() for o in range(1, 5)] for e in range(6)]
    chosen = int(np.flatnonzero((codes == 1 + np.argmax(means, axis=1)).all(axis=1))[0])
    assert rows["main effects"]["rank"] == table.rank("cifar10_test", chosen)
    assert rows["main effects"]["found"] == pytest.approx(y[chosen], abs=0.01)
    left = rows["main effects, the weakest removed one by one"]
    assert left["rank"] == 1  # 30 together outweigh what one of the two lacks alone
    walked = rows["permutation, 10 walks"]
    assert walked["tau"]["n"] == 2 and 0 < walked["phi_tau"]["mean"] <= 1


@pytest.fixture
def grid(tmp_path):
    return oracle.open_grid(oracle.FORMS["tiny"], tmp_path, tmp_path / "out", "digits")


def test_the_grid_goes_on_and_becomes_a_page(grid, table, tmp_path):
    oracle.measure(grid, ("uniform", "loop"))
    kept = [p for f in ("runs", "walks", "checkpoints") for p in (grid.out / f).glob("*")]
    times = {path: path.stat().st_mtime_ns for path in kept}
    (lost,) = (path for path in kept if path.name == "loop_2_2.json")
    before = read_json(lost)
    lost.unlink()
    oracle.measure(grid, ("uniform", "loop"))
    assert read_json(lost) == before  # the same estimate of the same supernet
    changed = [p.name for p in kept if p.stat().st_mtime_ns != times[p]]
    assert changed == [lost.name]
    rows = [*oracle_summary.rows(table, grid.out)]
    readings = len(oracle_summary.READINGS) + 2 + len(oracle.ESTIMATORS)  # and two policies
    of = {key: [r for r in rows if (r["way"], r["age"]) == key] for key in (("loop", 2),)}
    assert len(of["loop", 2]) == readings + 1  # and alpha itself
    assert len(rows) == 4 * readings + 2  # α is noise, not zero, before it moves
    assert {row["batch_norm"] for row in rows} == {"", "batch", "running", "recalibrated"}
    path = oracle_summary.write(table, grid.form, grid.out, "command", tmp_path / "m")
    text = results_page.render(path.parent)
    assert "softmax of alpha itself" in text and "beta(16, 1), small coalitions" in text


def test_alpha_is_read_as_its_ranking_ranks(table, tmp_path):
    """`none` counts as zero there: what is left of alpha must rank as its softmax does."""
    alpha = np.random.default_rng(1).normal(size=30)
    (tmp_path / "supernets").mkdir()
    write_json(tmp_path / "supernets" / "loop_1.json", {"way": "loop", "age": 1, "alpha": [*alpha]})
    (row,) = oracle_summary.rows(table, tmp_path)
    weights = np.exp(alpha.reshape(6, 5))
    weights /= weights.sum(axis=1, keepdims=True)
    strength = weights[np.arange(6), table.rows[CODE]].mean(axis=1)
    expected = kendall(strength, table.column("cifar10_test"))
    assert row["table_tau"] == pytest.approx(expected, abs=1e-3)


def test_the_digits_table_is_measured_over_distinct_cells(tmp_path):
    """Seeds of one cell a known distance apart; the same ranking as the other table's."""
    frame = digits_frame()
    # Isomorphic cells have the same value, as the real file's.
    classes = digits_table.classes_of()
    numbers = cells.numbers_of(np.array([cells.parse(a) for a in frame["arch"]], dtype=np.uint8))
    values = classes[numbers] / 70
    noise = np.where(classes[numbers] % 2, 1.0, -1.0)
    for column in ("digits_valid", "digits_test"):
        frame[column] = values
        frame[f"{column}_seed0"], frame[f"{column}_seed1"] = values + noise, values - noise
    digits = Table.load(write_toy_table(tmp_path / "digits.csv", frame))
    real = toy_frame()
    for column in digits_table.REAL:
        real[column] = -values if column == "cifar100_test" else values
    path = write_toy_table(tmp_path / "real.csv", real)
    found = digits_table.measurement(digits, Table.load(path), n_bootstrap=20)
    rows = {row["pair"]: row for row in found["rows"]}
    between = rows["digits_test: seed0 and seed1"]
    # Two values ±1 about each: each has the deviation sqrt(2) about their unknown mean.
    assert between["n"] == 6466 and between["noise"] == pytest.approx(2**0.5, abs=1e-3)
    assert rows["digits_test and cifar10_test"]["spearman"] == 1
    assert rows["digits_test and cifar100_test"]["kendall"] == -1
    assert rows["digits_test and cifar10_test, its best 1,000"]["n"] == 1000
    low, high = map(float, between["kendall_interval"].split(" to "))
    assert low <= between["kendall"] <= high
    write_json(tmp_path / "m" / "nasbench_digits.json", found)
    assert "Noise of one training" in results_page.render(tmp_path / "m")
