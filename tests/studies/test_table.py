"""The table's own rows by hand, its readings of supernets, and the table of digits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.config import studies
from pipeline.files import write_json
from pipeline.nasbench import Table, cells
from pipeline.nasbench.additive import kendall
from pipeline.nasbench.table import CODE
from pipeline.studies import agreement, digits, readings, summary, table
from tests.nasbench.toys import digits_frame, toy_frame, write_toy_table

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())


def made_up(path: Path) -> Path:
    """Accuracies that add up over edges but for one pair, which earns 30 together."""
    frame = toy_frame()
    rng = np.random.default_rng(0)
    worth = rng.uniform(0, 10, size=(6, 5))
    worth[:, 0] = 0
    codes = np.array([cells.parse(arch) for arch in frame["arch"]])
    added = worth[np.arange(6), codes].sum(axis=1)
    frame["cifar10_test"] = 10 + added + 30 * ((codes[:, 0] == 3) & (codes[:, 5] == 3))
    return write_toy_table(path, frame)


def without(row, key):
    """A row whose numbers lack one key: two repeats have no interval."""
    return {
        name: {k: v for k, v in value.items() if k != key} if isinstance(value, dict) else value
        for name, value in row.items()
    }


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return Table.load(made_up(tmp_path_factory.mktemp("oracle") / "t.csv"))


def test_scores_that_know_the_table(known, monkeypatch):
    monkeypatch.setattr(table, "REPEATS", 2)
    found = [*table.score_rows(known, "cifar10_test")]
    # As before these rows were a study of the workflow; the removal by validation came later.
    later = [row for row in found if "of validation" in row["score"]]
    before = [without(row, "half_width") for row in found if row not in later]
    assert before == RECORDED["table"]
    assert len(later) == 1 and 1 <= later[0]["rank"] <= 15_625
    rows = {row["score"]: row for row in found}
    y = known.column("cifar10_test")
    assert rows["main effects and all pairs of edges"]["tau"] == 1  # it is such a table
    pairs = table.pair_scores(np.asarray(known.rows[CODE]), y)
    assert np.allclose(pairs, y, atol=1e-3)
    assert 0.5 < rows["main effects"]["tau"] < 1
    assert rows["Shapley values"]["phi_tau"] == 1
    codes = np.asarray(known.rows[CODE])
    means = [[y[codes[:, e] == o].mean() for o in range(1, 5)] for e in range(6)]
    chosen = int(np.flatnonzero((codes == 1 + np.argmax(means, axis=1)).all(axis=1))[0])
    assert rows["main effects"]["rank"] == known.rank("cifar10_test", chosen)
    assert rows["main effects"]["found"] == pytest.approx(y[chosen], abs=0.01)
    left = rows["main effects, the weakest removed one by one"]
    assert left["rank"] == 1  # 30 together outweigh what one of the two lacks alone


def test_alpha_is_read_as_its_ranking_ranks(known, tmp_path):
    """`none` counts as zero there: what is left of alpha must rank as its softmax does."""
    alpha = np.random.default_rng(1).normal(size=30)
    study = studies.Study(
        name="toy", trainings={"loop": {"algorithm": "shapley"}}, ages=(1,), measurements={}
    )
    search = tmp_path / study.folder(paths.SUPERNET, supernet="loop_1")
    write_json(search / "metrics.json", {"train_accuracy": 0.5})
    np.savez(search / "strength.npz", alpha_history=alpha[None])
    (row,) = readings.reading_rows(study, tmp_path, known)
    weights = np.exp(alpha.reshape(6, 5))
    weights /= weights.sum(axis=1, keepdims=True)
    strength = weights[np.arange(6), known.rows[CODE]].mean(axis=1)
    expected = kendall(strength, known.column("cifar10_test"))
    assert row["table_tau"] == pytest.approx(expected, abs=1e-3)


def test_an_interval_ends_where_its_measure_ends():
    # The t interval of these three is 2/3 +- 1.43.
    found = agreement.interval("winners", [0.0, 1.0, 1.0])
    assert found == {"winners": 2 / 3, "winners_low": 0, "winners_high": 1}
    assert agreement.interval("tau", [0.2, 0.4]) == {
        "tau": pytest.approx(0.3),
        "tau_low": None,
        "tau_high": None,
    }


def test_agreement_by_hand():
    edges = np.array([0, 0, 1, 1])
    reference = np.array([4.0, 1.0, 3.0, 2.0])
    found = agreement.with_reference(np.array([4.0, 1.0, 2.0, 3.0]), reference, edges)
    assert found["tau"] == pytest.approx((5 - 1) / 6)
    assert found["r"] == pytest.approx(0.8)
    assert found["winners"] == 0.5


def test_ranking_of_a_table_made_of_the_strength():
    """Accuracies that are the sum of a strength over edges: tau one, and the best is found."""
    codes = np.array(list(np.ndindex((5,) * 6)))
    strength = np.random.default_rng(0).normal(size=(6, 5))
    strength[:, 0] = 0  # `none` does not play
    accuracy = strength[np.arange(6), codes].sum(axis=1)
    ranking = agreement.Ranking(accuracy, codes)
    found = ranking.against(strength[:, 1:].ravel())
    assert found["table_tau"] == pytest.approx(1)
    assert found["found_accuracy"] == accuracy[(codes > 0).all(axis=1)].max()
    assert ranking.against(-strength[:, 1:].ravel())["table_tau"] == pytest.approx(-1)


def test_the_digits_table_is_measured_over_distinct_cells(tmp_path):
    """Seeds of one cell a known distance apart; the same ranking as the other table's."""
    frame = digits_frame()
    # Isomorphic cells have the same value, as the real file's.
    classes = digits.classes_of()
    numbers = cells.numbers_of(np.array([cells.parse(a) for a in frame["arch"]], dtype=np.uint8))
    values = 2 + classes[numbers] / 70
    noise = np.where(classes[numbers] % 2, 1.0, -1.0)
    for column in ("digits_valid", "digits_test"):
        frame[column] = values
        frame[f"{column}_seed0"], frame[f"{column}_seed1"] = values + noise, values - noise
    own = Table.load(write_toy_table(tmp_path / "digits.csv", frame))
    real = toy_frame()
    for column in digits.REAL:
        real[column] = 97 - values if column == "cifar100_test" else values
    path = write_toy_table(tmp_path / "real.csv", real)
    rows = {row["pair"]: row for row in digits.digits_rows(own, Table.load(path), n_bootstrap=20)}
    between = rows["digits_test: seed0 and seed1"]
    # Two values ±1 about each: each has the deviation sqrt(2) about their unknown mean.
    assert between["n"] == 6466 and between["noise"] == pytest.approx(2**0.5, abs=1e-3)
    assert rows["digits_test and cifar10_test"]["spearman"] == 1
    assert rows["digits_test and cifar100_test"]["kendall"] == -1
    assert rows["digits_test and cifar10_test, its best 1,000"]["n"] == 1000
    low, high = map(float, between["kendall_interval"].split(" to "))
    assert low <= between["kendall"] <= high


def test_forms_of_training_are_compared_seed_by_seed(tmp_path):
    """Errors .2, .4 and .1, .2: accuracies of 80, 60 and 90, 80, the differences 10 and 20."""
    errors = {"contiguous": (0.2, 0.4), "channels_last": (0.1, 0.2), "bfloat16": (0.2, 0.4)}
    config = Path(__file__).parents[2] / "config"
    study = studies.load("training_formats", "demo", config)
    for form, of_seeds in errors.items():
        for seed, error in enumerate(of_seeds):
            folder = tmp_path / study.folder(paths.FORM, form=form, rseed=seed)
            write_json(folder / "metrics.json", {"held_out_error": error})
    plain, same, mixed = summary.trial_rows(study, tmp_path)
    assert plain["accuracy"]["mean"] == 70 and "difference" not in plain
    assert same["each"] == "90.00, 80.00" and same["form"] == "float32, channels_last"
    assert same["difference"]["mean"] == 15 and mixed["difference"]["mean"] == 0
