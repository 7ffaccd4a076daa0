"""The study of estimators on toy sizes: it runs, goes on where it stopped, and its page renders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.analysis import results_page
from pipeline.bench import shapley as bench
from pipeline.experiments import agreement, shapley, summary, variants, walks
from pipeline.experiments.walks import Walks
from pipeline.files import read_json

FEW = ("plain", "truncated_fifth", "gradient_soft_fifth")
# Two players; leaving order 0, 1 twice and 1, 0 once; V after 0, 1, 2 departures.
WALKS = Walks(
    np.array([[0, 1], [0, 1], [1, 0]]),
    np.array([[[1.0, 0.4, 0.0], [1.0, 0.2, 0.0], [1.0, 0.9, 0.1]]] * 3),
)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_readings_of_walks() -> None:
    """Player 0 adds 0.6, 0.8 as the first to leave and 0.8 as the last; player 1: 0.4, 0.2, 0.1."""
    assert_allclose(WALKS.phi(), [2.2 / 3, 0.7 / 3])
    assert_allclose(WALKS.phi(sizes=(1, 2)), [0.7, 0.1])  # one other is there
    assert_allclose(WALKS.phi(sizes=(0, 1)), [0.8, 0.3])
    # After a drop of 0.6 and 0.8 > 0.5 the first two walks stop.
    assert_allclose(WALKS.phi(eta=0.5), [2.2 / 3, 0.1])


def test_agreement_by_hand() -> None:
    edges = np.array([0, 0, 1, 1])
    reference = np.array([4.0, 1.0, 3.0, 2.0])
    found = agreement.with_reference(np.array([4.0, 1.0, 2.0, 3.0]), reference, edges)
    assert_allclose(found["tau"], (5 - 1) / 6)
    assert_allclose(found["r"], 0.8)
    assert found["winners"] == 0.5


def test_ranking_of_a_table_made_of_the_strength() -> None:
    """Accuracies that are the sum of a strength over edges: tau one, and the best is found."""
    choices = np.array(list(np.ndindex((5,) * 6)))
    strength = np.random.default_rng(0).normal(size=(6, 5))
    strength[:, 0] = 0  # `none` does not play
    accuracy = strength[np.arange(6), choices].sum(axis=1)
    ranking = agreement.Ranking(accuracy, choices)
    players = np.flatnonzero(np.arange(30) % 5)
    found = ranking.against(strength.ravel()[players], players)
    assert found["table_tau"] == pytest.approx(1)
    without_none = (choices > 0).all(axis=1)
    assert found["found_accuracy"] == accuracy[without_none].max()
    assert ranking.against(-strength.ravel()[players], players)["table_tau"] == pytest.approx(-1)


def test_shares_are_of_the_plain_forms_cost() -> None:
    for variant in variants.VARIANTS:
        settings = variant.settings(32, 4)
        assert settings.get("value_images", 32) == (128 if variant.name == "plain" else 32)
        if variant.name != "plain":
            assert settings["budget"] * 32 == pytest.approx(variant.share * 10 * 25 * 128)


def test_blocks_of_a_run_against_another(tmp_path: Path) -> None:
    """Additive worths: by the value without noise a block of four agrees, by the noisy one less."""
    rng = np.random.default_rng(0)
    worth = rng.normal(size=24)
    (tmp_path / "walks").mkdir()
    for which in summary.REFERENCES:
        orders = np.stack([rng.permutation(24) for _ in range(9)])
        left = worth[orders][:, ::-1].cumsum(axis=1)[:, ::-1]
        V = np.concatenate([left, np.zeros((9, 1))], axis=1)
        noisy = V + rng.normal(size=V.shape)
        path = walks.path_of(tmp_path, "uniform", 1, which)
        np.savez(path, orders=orders, V=np.stack([noisy, V, V]))
    rows = summary.block_rows(tmp_path, [("uniform", 1), ("coalitions", 1)])
    assert {row["permutations"] for row in rows} == {4, 8}
    four = {row["reading"]: row["tau"] for row in rows if row["permutations"] == 4}
    assert four["accuracy"]["n"] == 2
    assert four["soft_accuracy"]["mean"] > four["accuracy"]["mean"] > 0.2
    exact = walks.load(tmp_path, "uniform", 1, "first").phi("soft_accuracy")
    assert_allclose(exact, worth)


def test_the_study_and_its_page(tmp_path: Path) -> None:
    form = replace(shapley.FORMS["tiny"], repeats=2)
    study = shapley.open_study(form, tmp_path, tmp_path / "out", "digits")
    steps = ("references", "estimators", "policies")
    shapley.measure(study, steps, ("uniform",), FEW)
    files = sorted((tmp_path / "out").rglob("*.*"))
    times = [path.stat().st_mtime_ns for path in files]
    shapley.measure(study, ("estimators",), ("uniform",), FEW)  # all is there
    unchanged = [path for path in files if path.parent.name in ("runs", "walks", "checkpoints")]
    for path in unchanged:
        assert path.stat().st_mtime_ns == times[files.index(path)], path
    runs = [read_json(path) for path in (tmp_path / "out" / "runs").glob("*.json")]
    assert {(run["variant"], run["repeat"]) for run in runs} == {
        (n, k) for n in FEW for k in (0, 1)
    }
    plain = next(run for run in runs if run["variant"] == "plain")
    assert plain["image_forwards"] == 10 * 25 * 32
    for path in summary.write(study, "tiny", tmp_path, tmp_path / "measurements"):
        rows = read_json(path)["rows"]
    assert [row["estimator"] for row in rows][-1] == "ceiling"
    assert "Kendall's tau" in results_page.render(tmp_path / "measurements")
    again = shapley.open_study(form, tmp_path, tmp_path / "again", "digits")
    shapley.measure(again, ("estimators",), ("uniform",), ("truncated_fifth",))
    name = "runs/uniform_1_truncated_fifth_1.json"
    first, second = (read_json(tmp_path / folder / name) for folder in ("out", "again"))
    assert_array_equal(first["phi"], second["phi"])


def test_the_bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHAPLEY_NAS_DATA", str(tmp_path))
    form = replace(shapley.FORMS["tiny"], permutations=3)
    rows = bench.rows(2, form, ("plain", "truncated_fifth"), workers=2)
    assert [row["name"] for row in rows] == ["plain", "truncated_fifth"]
    for row in rows:
        assert row["dataset"] == "digits"
        assert row["ratio"] == row["baseline_s"] / row["ours_s"]
        assert -1 <= row["tau"] <= 1 and -1 <= row["ceiling_tau"] <= 1
        assert row["tau_low"] <= row["tau"] <= row["tau_high"]
    assert rows[1]["image_forwards"] <= rows[0]["image_forwards"] / 5
    (alone,) = bench.rows(1, form, ("truncated_fifth", "plain"), workers=1)[1:]
    assert alone["ceiling_tau"] == rows[1]["ceiling_tau"]


def test_what_estimators_share_is_what_each_would_find(tmp_path: Path) -> None:
    """The same bits and counts, whether another estimator of this seed has asked before or not."""
    form = replace(shapley.FORMS["tiny"], main=(("uniform", 1),))
    names = ("permutation_half", "permutation_fifth", "regression_adjusted_fifth", "leverage_fifth")
    found = {}
    for folder, groups in (("together", [names]), ("alone", [(name,) for name in names])):
        study = shapley.open_study(form, tmp_path, tmp_path / folder, "digits")
        (trained,) = study.supernets("uniform")
        for group in groups:
            study.estimate(trained, group, 0)
        found[folder] = {
            name: read_json(tmp_path / folder / "runs" / f"uniform_1_{name}_0.json")
            for name in names
        }
    for name in names:
        together, alone = (found[folder][name] for folder in ("together", "alone"))
        assert together["phi"] == alone["phi"]
        assert together["evaluations"] == alone["evaluations"]
        assert together["image_forwards"] == 8 * together["evaluations"]
        assert together["seconds"] > 0
