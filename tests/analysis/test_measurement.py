"""An experiment's tables become measurements, and those a page."""

from dataclasses import fields, replace
from statistics import mean

import pytest

from pipeline.analysis import measurement, results_page
from pipeline.analysis.drawings import Drawn
from pipeline.analysis.runs import FinishedRun
from pipeline.config.experiments import Experiment
from pipeline.errors import InputError
from pipeline.files import read_json, write_json
from pipeline.paths import Place
from tests.analysis.toys import BENCHMARK, make_results, report_job


def test_a_table_becomes_a_file_with_its_numbers_and_origin(tmp_path):
    results = make_results(tmp_path / "results" / "demo")
    found = measurement.measurements(report_job(), results)
    assert "nasbench_demo_1.json" in found
    looked_up = found["nasbench_demo_1.json"]
    (key,) = [key for key, label in looked_up["columns"].items() if label == "CIFAR-10 test (%)"]
    (row,) = [row for row in looked_up["rows"] if row["row"] == "Shapley-NAS"]
    seeds = (results / "nasbench201/digits/shapley").glob("seed*/query/metrics.json")
    values = [read_json(path)["cifar10_test"] for path in seeds]
    assert row[key]["mean"] == pytest.approx(mean(values), abs=1e-4)
    assert row[key]["n"] == 3
    assert row[f"{key}_paper"] == {"mean": 94.37, "std": 0.0}
    assert looked_up["command"] == "snakemake --cores all nasbench --config preset=demo"
    assert looked_up["commit"]
    assert looked_up["seeds"] == [0, 1, 2]


def of(stage, strategy="published_pc_darts_cifar", **numbers):
    """A finished run of an experiment with one row."""
    place = Place(stage=stage, space="darts", dataset="cifar10", strategy=strategy, **numbers)
    run = FinishedRun(**{f.name: getattr(place, f.name) for f in fields(place)})
    row = {"label": "L", "strategy": strategy, "space": "darts", "datasets": ["cifar10"]}
    asked = {"retrain": {"retrain": ["same"]}, "queries": {"query": True, "repeats": 500}}[stage]
    return Experiment(name="e", title="E", rows=[row | asked]), run


def test_seeds_of_searches_and_of_trainings_are_told_apart():
    experiment, one = of("retrain", seed=0, target="cifar10", rseed=0)
    runs = [one, replace(one, rseed=2)]
    made = measurement.made(report_job(), experiment, runs)
    assert made["seeds"] == "trainings 0, 2"
    assert made["command"].endswith("--config preset=demo 'retrain_seeds=[0, 2]'")
    experiment, one = of("retrain", "darts", seed=1, target="cifar10", rseed=0)
    made = measurement.made(report_job(), experiment, [one, replace(one, rseed=2)])
    assert made["seeds"] == "searches 1; trainings 0, 2"
    made = measurement.made(report_job(), experiment, [one])
    assert made["seeds"] == [1] and made["command"].endswith("preset=demo")


def test_many_short_searches_are_told_by_their_range():
    experiment, run = of("queries", "random_search", repeats=500)
    assert measurement.made(report_job(), experiment, [run])["seeds"] == "0 to 499"


def test_measurements_render(tmp_path):
    results = make_results(tmp_path / "results" / "demo")
    for name, content in measurement.measurements(report_job(), results).items():
        write_json(tmp_path / "measurements" / name, content)
    pages = results_page.render(results_page.read(tmp_path / "measurements"))
    page = "\n".join(pages.values())
    assert "(n = 3)" in page
    assert "±" in page
    assert "94.37 ± 0 |" in page
    assert "(n = 2)" in page and ", " in page


def test_a_figure_is_kept_by_its_numbers(tmp_path, monkeypatch):
    """A picture of few numbers is a table; a cloud of points is none."""
    results = make_results(tmp_path / "results" / "demo")
    taus = Drawn("Tau", "", None, data=[{"row": "DARTS", "seed": 0, "tau": 0.323456, "paper": ""}])
    cloud = Drawn("Points", "", None, data=[{"x": 1.0}] * 200)
    monkeypatch.setattr(measurement.drawings, "draw", lambda *_: [taus, cloud])
    found = measurement.measurements(report_job(), results)
    figure = next(one for one in found.values() if one["title"].endswith(". Tau"))
    assert figure["columns"] == {"row": "row", "seed": "seed", "tau": "tau"}
    assert figure["rows"] == [{"row": "DARTS", "seed": 0, "tau": 0.3235}]
    assert figure["commit"]
    assert not [one for one in found.values() if one["title"].endswith(". Points")]


def test_a_benchmark_is_made_again_in_the_words_that_it_had():
    columns = {"name": "N", "ratio": "R", "n": "n"}
    words = {"title": "T", "columns": columns, "rows": [], "notes": ["n"]}
    record = {"git_commit": "abc", "finished": "2026-11-30T07:00:00", "cpu": "EPYC"}
    rows = [{"name": "a", "ratio": 2.123456, "n": 12345, "other": 1}]
    made = measurement.renewed(words, rows, "bench", record)
    assert made["rows"] == [{"name": "a", "ratio": 2.12, "n": 12345}]
    assert (made["title"], made["notes"], made["command"]) == ("T", ["n"], "bench")
    assert (made["commit"], made["date"]) == ("abc", "2026-11-30")


def test_the_difference_to_a_printed_mean_is_in_standard_errors(tmp_path):
    """Only where the paper says of how many runs its mean is."""
    experiment = BENCHMARK.model_copy(update={"rows": (BENCHMARK.rows[0],)})
    printed = experiment.rows[0].paper["digits"]["cifar10_test"]
    results = make_results(tmp_path / "results" / "demo")

    def column(n):
        row = experiment.rows[0].model_copy(
            update={"paper": {"digits": {"cifar10_test": printed.model_copy(update={"n": n})}}}
        )
        job = report_job().model_copy(
            update={"experiments": (experiment.model_copy(update={"rows": (row,)}),)}
        )
        found = measurement.measurements(job, results)["nasbench_demo_1.json"]
        return next(key for key, title in found["columns"].items() if "10 test" in title), found

    key, without = column(None)
    assert f"{key}_z" not in without["columns"]
    key, with_n = column(400)
    (cells,) = with_n["rows"]
    ours = cells[key]
    error = (ours["std"] ** 2 / ours["n"] + 0.36**2 / 400) ** 0.5
    assert cells[f"{key}_z"] == pytest.approx((ours["mean"] - 93.70) / error, abs=0.06)


def test_an_experiment_without_runs_is_an_error(tmp_path):
    (tmp_path / "results").mkdir()
    with pytest.raises(InputError, match="no run of experiment nasbench"):
        measurement.measurements(report_job(), tmp_path / "results")
