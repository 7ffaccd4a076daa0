"""Figure 3 from made-up searches whose errors and costs are known."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml

from pipeline.analysis import drawings, runs
from pipeline.analysis.evidence import Evidence
from pipeline.analysis.intervals import summarise
from pipeline.config.experiments import Experiment
from pipeline.files import write_json

FILE = Path(__file__).parents[2] / "config" / "experiments" / "figure3.yaml"
EXPERIMENT = Experiment(name="figure3", **yaml.safe_load(FILE.read_text(encoding="utf-8")))
BASE = {"permutations": 10, "eta": 0.5}
SEEDS = (0, 1, 2)


def settings_of(strategy: str) -> dict[str, float]:
    """What the searches of a label ran with: the base, or the base but for one setting."""
    label = EXPERIMENT.strategies.get(strategy)
    return {**BASE, **(label.settings if label else {})}


def error_of(settings: dict[str, float], seed: int) -> float:
    """In percent: better with M, best at the base's eta, half a point more with each seed."""
    return 3 - 0.05 * settings["permutations"] + abs(settings["eta"] - 0.5) + 0.5 * seed


def write_runs(results: Path, seeds: tuple[int, ...] = SEEDS) -> None:
    """Search and training of every row and seed; cost grows with M and falls with eta."""
    for row in EXPERIMENT.rows:
        used = settings_of(row.strategy)
        for seed in seeds:
            base = results / f"darts/cifar10/{row.strategy}/seed{seed}"
            minutes = 30 * used["permutations"] * (1.5 - used["eta"]) + seed
            write_json(base / "search/metrics.json", {"seconds": 60 * minutes})
            write_json(base / "search/provenance.json", {"settings": {"settings": used}})
            error = {"test_error": error_of(used, seed) / 100}
            write_json(base / "retrain/cifar10/rseed0/metrics.json", error)


def draw(results: Path) -> list:
    """The pictures of what is there."""
    evidence = Evidence(runs.collect(results), len(SEEDS), 1, "")
    return drawings.draw(EXPERIMENT, evidence, results)


@pytest.fixture
def drawn(tmp_path):
    write_runs(tmp_path)
    return draw(tmp_path)


def test_a_picture_a_setting_with_the_base_in_both(drawn):
    by_m, by_eta = drawn
    assert (by_m.name, by_eta.name) == ("figure3_permutations", "figure3_eta")
    assert [row["permutations"] for row in by_m.data] == [1, 2, 5, 10, 20]
    assert [row["eta"] for row in by_eta.data] == [0.1, 0.3, 0.5, 0.7, 0.9]
    assert [row["strategy"] for row in (by_m.data[3], by_eta.data[2])] == ["shapley", "shapley"]


def test_its_numbers_are_means_and_t_intervals_over_seeds(drawn):
    for one in drawn:
        for row in one.data:
            used = settings_of(row["strategy"])
            expected = summarise(error_of(used, seed) for seed in SEEDS)
            assert row["n"] == len(SEEDS)
            assert row["test_error_percent"] == pytest.approx(expected.mean)
            assert row["test_error_half_width"] == pytest.approx(expected.half_width)
    costs = [row["search_cost_h"] for row in drawn[0].data]
    assert costs == pytest.approx([(30 * m + 1) / 60 for m in (1, 2, 5, 10, 20)])


def test_what_is_drawn_are_these_numbers(drawn):
    for one, setting in zip(drawn, ("permutations", "eta"), strict=True):
        above, below = one.figure.axes
        for axes, key in ((above, "test_error_percent"), (below, "search_cost_h")):
            line, *_ = axes.containers[0]
            assert list(line.get_xdata()) == [row[setting] for row in one.data]
            assert list(line.get_ydata()) == pytest.approx([row[key] for row in one.data])
        assert list(below.get_xticks()) == [row[setting] for row in one.data]
        assert "95 % t intervals" in one.caption


def test_no_label_of_a_tick_hides_another(drawn):
    for one in drawn:
        one.figure.draw_without_rendering()
        boxes = [label.get_window_extent() for label in one.figure.axes[1].get_xticklabels()]
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_the_base_stands_for_a_row_that_equals_it(tmp_path, monkeypatch):
    """As in the demo, whose base has M = 2."""
    monkeypatch.setitem(BASE, "permutations", 2)
    write_runs(tmp_path)
    by_m, _ = draw(tmp_path)
    assert [row["permutations"] for row in by_m.data] == [1, 2, 5, 20]
    assert [row["strategy"] for row in by_m.data][1] == "shapley"


def test_a_row_without_runs_is_left_out_and_one_point_is_no_figure(tmp_path):
    write_runs(tmp_path, seeds=(0,))
    for folder in (tmp_path / "darts/cifar10").glob("shapley_*/seed0/retrain"):
        if folder.parents[1].name != "shapley_m05":
            (folder / "cifar10/rseed0/metrics.json").unlink()
    (only,) = draw(tmp_path)
    assert only.name == "figure3_permutations"
    assert [row["strategy"] for row in only.data] == ["shapley_m05", "shapley"]
    assert [row["test_error_half_width"] for row in only.data] == [None, None]
