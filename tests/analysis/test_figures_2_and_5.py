"""Figures 2 and 5 from made-up runs whose numbers are known."""

from __future__ import annotations

import csv
import re

import pytest

from pipeline.analysis import drawings, runs
from pipeline.analysis.evidence import Evidence
from pipeline.config.experiments import Experiment
from pipeline.files import write_csv, write_json

OPERATIONS = ("skip_connect", "nor_conv_3x3")


def write(results, folder, metrics, **files):
    for name, rows in files.items():
        write_csv(results / folder / f"{name}.csv", rows)
    write_json(results / folder / "metrics.json", metrics)


def evidence_of(results):
    return Evidence(runs.collect(results), 2, 1, "")


def drops(alone, together):
    """`drops.csv` of one operation an edge."""
    first = {"first_edge": 3, "first_operation": OPERATIONS[0]}
    second = {"second_edge": 4, "second_operation": OPERATIONS[1]}
    nothing = {"second_edge": "", "second_operation": "", "interaction": ""}
    other = {"first_edge": 4, "first_operation": OPERATIONS[1]}
    return [
        {**first, **nothing, "drop": alone[0]},
        {**other, **nothing, "drop": alone[1]},
        {**first, **second, "drop": together, "interaction": together - sum(alone)},
    ]


@pytest.fixture
def figure2(tmp_path):
    for seed, together in enumerate((0.10, 0.14)):
        folder = f"nasbench201/digits/shapley/seed{seed}/removal"
        write(tmp_path, folder, {"value_full": 0.9}, drops=drops((0.02, 0.03), together))
    row = {"label": "Shapley-NAS", "strategy": "shapley", "space": "nasbench201"}
    row |= {"datasets": ["digits"], "removal": True, "stands_for": "cifar10"}
    experiment = Experiment(name="f", title="F", figure="figure2", rows=(row,))
    return drawings.draw(experiment, evidence_of(tmp_path), tmp_path)


def test_figure_2_is_the_mean_over_seeds_in_points(figure2, tmp_path):
    drop, interaction = figure2
    joint = next(row for row in drop.data if row["second_operation"] == OPERATIONS[1])
    assert joint["drop_points"] == pytest.approx(12)
    assert joint["n"] == 2 and joint["std"] == pytest.approx(8**0.5)
    assert [row["drop_points"] for row in drop.data[:2]] == pytest.approx([2, 3])
    (only,) = interaction.data
    assert only["interaction_points"] == pytest.approx(7)
    assert "2 seeds" in drop.caption and "digits in place of CIFAR-10" in drop.caption
    assert "largest together: 3←0 skip and 3←1 conv_3x3, 12.00" in drop.description


def test_figure_2_writes_each_number_into_its_field(figure2, tmp_path):
    for drawn, numbers in zip(figure2, (["2.0", "3.0", "12.0"], ["7.0"]), strict=True):
        drawn.save(tmp_path / "out")
        assert all(f">{number}<" in drawn.svg for number in numbers)
        # The page drops embedded images: the fields must be paths, a shade a number.
        assert "<image" not in drawn.svg
        shades = set(re.findall(r"<path[^>]*fill: (#\w+)", drawn.svg))
        assert len(shades - {"#ffffff"}) >= len(numbers)
        with (tmp_path / "out" / f"{drawn.name}.csv").open() as stream:
            assert len([*csv.DictReader(stream)]) == len(numbers)
        assert (tmp_path / "out" / f"{drawn.name}.png").stat().st_size > 1000


def taus(sample, everything):
    values = {"sample": sample, "all": everything}
    metrics = {f"tau_{name}": tau for name, tau in values.items()}
    for name, tau in values.items():
        metrics |= {f"tau_{name}_low": tau - 0.05, f"tau_{name}_high": tau + 0.05}
        metrics |= {f"main_effects_{name}": 0.514, f"rank_effects_{name}": 0.663}
    return metrics


@pytest.fixture
def figure5(tmp_path):
    points = [{"index": i, "arch": "a", "strength": i / 10, "accuracy": 90 + i} for i in range(4)]
    for strategy, first in (("darts", 0.01), ("shapley", 0.31)):
        for seed in (0, 1):
            folder = f"nasbench201/cifar10/{strategy}/seed{seed}/ranking"
            write(tmp_path, folder, taus(first + seed / 10, first), sample=points)
    common = {"space": "nasbench201", "datasets": ["cifar10"], "ranking": True}
    printed = {"cifar10": {"tau_sample": {"mean": 0.526}}}
    rows = (
        {"label": "DARTS", "strategy": "darts", **common},
        {"label": "Shapley-NAS", "strategy": "shapley", "paper": printed, **common},
    )
    experiment = Experiment(name="f", title="F", figure="figure5", rows=rows)
    return drawings.draw(experiment, evidence_of(tmp_path), tmp_path)


def test_figure_5_draws_each_scatter_and_the_taus(figure5):
    darts, shapley, both = figure5
    assert shapley.name == "figure5_shapley_cifar10" and len(shapley.data) == 4
    assert shapley.data[2] == {"strategy": "shapley", "seed": 0, "strength": 0.2, "accuracy": 92.0}
    assert "tau 0.310" in shapley.description and "τ = 0.010" in darts.svg
    assert len(both.data) == 2 * 2 * 2  # rows, seeds, drawn and all
    found = {(r["row"], r["seed"], r["over"]): r for r in both.data}
    assert found["Shapley-NAS", 1, "drawn"]["tau"] == pytest.approx(0.41)
    assert found["Shapley-NAS", 1, "drawn"]["paper"] == 0.526
    assert found["DARTS", 0, "all"]["paper"] is None
    assert found["DARTS", 0, "all"]["rank_effects"] == 0.663
    assert darts.legend == shapley.legend == both.legend == {"DARTS": 0, "Shapley-NAS": 1}
    assert "main effects 0.514 (drawn)" in both.description


def test_nothing_is_drawn_without_runs(tmp_path):
    rows = ({"label": "DARTS", "strategy": "darts", "datasets": ["cifar10"]},)
    for name in ("figure2", "figure5"):
        experiment = Experiment(name="f", title="F", figure=name, rows=rows)
        assert drawings.draw(experiment, evidence_of(tmp_path), tmp_path) == []
