import csv
import io
import json
import re

import pytest

from pipeline.analysis import comparison_text
from tests.analysis.toys import make_results, report_job, write_run

ERRORS = {"darts": {0: 0.030, 1: 0.040}, "shapley": {0: 0.025, 1: 0.033, 2: 0.020}}


@pytest.fixture
def results(tmp_path):
    for strategy, errors in ERRORS.items():
        for seed, error in errors.items():
            folder = tmp_path / f"darts/digits/{strategy}/seed{seed}/retrain/digits/rseed0"
            write_run(folder, {"test_error": error})
    return tmp_path


def test_rows_and_paired_differences(results):
    rows = json.loads(comparison_text.render_folder(results, "json"))
    by = {(row["strategy"], row["versus"]): row for row in rows}
    assert by["shapley", ""]["n"] == 3
    assert by["shapley", ""]["mean"] == pytest.approx(2.6)
    difference = by["darts", "shapley"]
    # Seeds 0 and 1 are shared: 0.5 and 0.7 points.
    assert difference["n"] == 2
    assert difference["mean"] == pytest.approx(0.6)
    assert difference["deviation"] == pytest.approx(0.1414, abs=1e-4)
    assert (difference["low"], difference["high"]) == (None, None), "two have no interval"
    assert (difference["over"], difference["seeds"]) == ("search seeds", "0 1")


def test_forms_hold_the_same_rows(results):
    rows = json.loads(comparison_text.render_folder(results, "json"))
    table = list(csv.DictReader(io.StringIO(comparison_text.render_folder(results, "csv"))))
    assert [row["strategy"] for row in table] == [row["strategy"] for row in rows]


def test_text_is_a_table_of_methods_and_metrics(results):
    text = comparison_text.render_folder(results)
    assert "darts, searched on digits" in text
    (darts,) = [line for line in text.splitlines() if "darts  " in line]
    (shapley,) = [line for line in text.splitlines() if "shapley" in line]
    assert re.search(r"darts +2 +3.00, 4.00", darts)
    assert re.search(r"shapley +3 +2.6 ± 1.6", shapley)


def test_a_folder_fits_a_screen_and_says_where_cells_are_the_same(toy_results):
    text = comparison_text.render_folder(toy_results)
    assert max(len(line) for line in text.splitlines()) <= 80
    said = " ".join(text.split())
    assert re.search("same cell: darts seed 0, .*random seed 2", said)


def test_search_and_benchmark_are_compared_too(toy_results):
    metrics = {
        row["metric"] for row in json.loads(comparison_text.render_folder(toy_results, "json"))
    }
    assert {"search_seconds", "query_cifar10_test", "query_rank_cifar10_test"} <= metrics


def test_a_foreign_genotype_is_paired_with_nothing(toy_results):
    rows = json.loads(comparison_text.render_folder(toy_results, "json"))
    foreign = [row for row in rows if "published_shapley_nas_cifar10" in row.values()]
    assert foreign
    assert not any(row["versus"] for row in foreign)


def test_empty_folder(tmp_path):
    assert comparison_text.render_folder(tmp_path) == "no runs"


def test_the_tables_of_experiments_have_a_row_for_each_of_theirs(tmp_path):
    job = report_job()
    text = comparison_text.render_tables(job, make_results(tmp_path / "demo"))
    rows = [line.split("│")[1] for line in text.splitlines() if line.startswith("│")]
    assert {row.label for row in job.experiments[-1].rows} >= {row.strip() for row in rows[-2:]}
    assert "Test error, digits (%)" in text and "Params" not in text
    assert "reaches" in text, "a sentence says what came out"
    assert not comparison_text.render_tables(report_job(), make_empty(tmp_path / "other"))


def make_empty(results):
    """A folder of results without any."""
    results.mkdir()
    return results
