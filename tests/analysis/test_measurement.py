"""An experiment's tables become measurements, and those a page."""

from statistics import mean

import pytest

from pipeline.analysis import measurement, results_page
from pipeline.errors import InputError
from pipeline.files import read_json, write_json
from tests.analysis.study import make_study, report_job


def test_a_table_becomes_a_file_with_its_numbers_and_origin(tmp_path):
    results = make_study(tmp_path / "results" / "demo")
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


def test_measurements_render(tmp_path):
    results = make_study(tmp_path / "results" / "demo")
    for name, content in measurement.measurements(report_job(), results).items():
        write_json(tmp_path / "measurements" / name, content)
    page = results_page.render(tmp_path / "measurements")
    assert "(n = 3)" in page
    assert "±" in page
    assert "94.37 ± 0 |" in page
    assert "(n = 2)" in page and ", " in page


def test_an_experiment_without_runs_is_an_error(tmp_path):
    (tmp_path / "results").mkdir()
    with pytest.raises(InputError, match="no run of experiment nasbench"):
        measurement.measurements(report_job(), tmp_path / "results")
