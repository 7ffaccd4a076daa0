import json
from pathlib import Path

import pytest

from pipeline.analysis import results_page
from pipeline.errors import InputError

MEASUREMENT = {
    "title": "A search",
    "question": "Does it find anything?",
    "command": "snakemake --cores all",
    "commit": "0123abc",
    "machine": "2 cores",
    "date": "2026-11-24",
    "seeds": [0, 1],
    "columns": {"strategy": "Strategy", "accuracy": "Accuracy (%)", "params": "Parameters"},
    "rows": [
        {"strategy": "shapley", "accuracy": 93.756789, "params": 1073466},
        {"strategy": "a|b", "accuracy": None},
    ],
    "notes": ["Shortened."],
    "does_not_show": ["What more seeds would give."],
}


def test_the_committed_page_is_that_of_the_committed_measurements():
    docs = Path(__file__).parents[2] / "docs"
    assert (docs / "results.md").read_text() == results_page.render(docs / "measurements")


def test_sections_in_order_of_file_names(tmp_path):
    for name in ("b", "a"):
        content = {**MEASUREMENT, "title": f"Measurement {name}"}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    page = results_page.render(tmp_path)
    assert page.index("## Measurement a") < page.index("## Measurement b")
    assert page == results_page.render(tmp_path)


def test_table_of_a_measurement(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(MEASUREMENT))
    lines = results_page.render(tmp_path).splitlines()
    start = lines.index("| Strategy | Accuracy (%) | Parameters |")
    assert lines[start + 1 : start + 4] == [
        "| --- | ---: | ---: |",
        "| shapley | 93.757 | 1,073,466 |",
        "| a\\|b | – | – |",
    ]
    assert "- What more seeds would give." in lines
    assert "- Seeds: 0, 1" in lines


def test_missing_key_is_named(tmp_path):
    content = {key: value for key, value in MEASUREMENT.items() if key != "does_not_show"}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"a\.json: lacks does_not_show"):
        results_page.render(tmp_path)


def test_no_measurements(tmp_path):
    assert "Nothing has been measured yet." in results_page.render(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        results_page.render(tmp_path / "nowhere")
