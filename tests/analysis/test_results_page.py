"""docs/results.md and the pages below docs/results/: rendered, current, no number typed."""

import json
import re
from pathlib import Path

import pytest

from pipeline.analysis import results_page, results_summary
from pipeline.analysis.results_summary import Excerpt, Finding
from pipeline.errors import InputError

DOCS = Path(__file__).parents[2] / "docs"
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


def measured(tmp_path, **contents):
    """Measurements by name, as they are read from a folder."""
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({**MEASUREMENT, **content}))
    return results_page.read(tmp_path)


def test_the_committed_pages_are_those_of_the_committed_measurements():
    """`make docs` mends a failure."""
    known = results_page.read(DOCS / "measurements")
    findings = results_summary.read(DOCS.parent / results_summary.FILE)
    assert (DOCS / "results.md").read_text() == results_summary.render(known, findings)
    pages = {path.stem: path.read_text() for path in (DOCS / "results").glob("*.md")}
    assert pages == results_page.render(known)


def test_the_page_of_findings_is_short_and_complete():
    page = (DOCS / "results.md").read_text()
    assert len(page.splitlines()) <= 250
    assert 8 <= page.count("\nMore: ") <= 14
    linked = set(re.findall(r"\(results/(\w+)\.md\)", page))
    assert linked == {path.stem for path in (DOCS / "results").glob("*.md")}
    # Negative results stand among the findings.
    assert page.count("negative result") >= 2


def test_tables_of_one_experiment_share_a_page_and_its_words(tmp_path):
    known = measured(tmp_path, b_1={"title": "B. First"}, b_2={"title": "B. Second"}, a={})
    pages = results_page.render(known)
    assert set(pages) == {"a", "b"}
    assert pages["b"].startswith("# B\n")
    assert pages["b"].index("## First") < pages["b"].index("## Second")
    assert pages["b"].count("Does it find anything?") == pages["b"].count("- Shortened.") == 1
    assert results_page.titles(known) == {"a": "A search", "b": "B"}


def test_table_of_a_measurement(tmp_path):
    lines = results_page.render(measured(tmp_path, a={}))["a"].splitlines()
    start = lines.index("| Strategy | Accuracy (%) | Parameters |")
    assert lines[start + 1 : start + 4] == [
        "| --- | ---: | ---: |",
        "| shapley | 93.757 | 1,073,466 |",
        "| a\\|b | – | – |",
    ]
    assert "- What more seeds would give." in lines
    assert "- Seeds: 0, 1" in lines


def test_a_wide_table_is_divided_between_data_sets():
    titles = ["CIFAR-10 validation", "CIFAR-10 test", "CIFAR-100 validation", "CIFAR-100 test"]
    columns = {"row": "Row"}
    for i, title in enumerate(titles):
        columns |= {f"c{i}": title, f"c{i}_z": "difference"}
    rows = [{"row": "a" * 20, "c0": 1.0, "c3_z": 2.0}]
    narrow, wide = ({**columns, "row": "R" * n} for n in (1, 30))
    assert "\n\n" not in results_page.table(narrow, rows)
    first, second = results_page.table(wide, rows).split("\n\n")
    assert "CIFAR-10 test | difference |\n" in first and "CIFAR-100" not in first
    assert second.splitlines()[0].count("CIFAR-100") == 2
    assert all(part.splitlines()[2].startswith(f"| {'a' * 20} |") for part in (first, second))


def test_the_columns_that_name_a_row_are_repeated():
    columns = {"space": "S", "batch": "B", **{f"k{i}": "x" * 20 for i in range(6)}}
    rows = [{"space": "darts", "batch": 32}, {"space": "darts", "batch": 64}]
    parts = results_page.table(columns, rows).split("\n\n")
    assert len(parts) == 2 and all("| darts | 64 |" in part for part in parts)


def test_two_runs_are_two_values():
    assert results_page.text({"mean": 2.0, "std": 2**0.5, "n": 2}) == "1, 3 (n = 2)"
    assert results_page.text({"values": [1.5], "n": 1}) == "1.5"


def test_numbers_of_a_sentence_are_looked_up(tmp_path):
    known = measured(tmp_path, a={})
    part = Excerpt(measurement="a", rows=("shapley",), columns={"accuracy": "Accuracy (%)"})
    says = "It has {a|shapley|accuracy} %, {a|shapley|accuracy|1}, {a|shapley, 93.756789|params}."
    page = results_summary.render(known, [Finding(title="T", says=says, part=part, pages=("a",))])
    assert "It has 93.757 %, 93.8, 1,073,466." in page
    assert "| Accuracy (%) |\n| ---: |\n| 93.757 |\n\nMore: [A search](results/a.md)." in page


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("{b|shapley|accuracy}", "no measurement b"),
        ("{a|darts|accuracy}", "0 rows 'darts'"),
        ("{a|shapley|error}", "no column 'error'"),
    ],
)
def test_a_number_that_nothing_holds_is_an_error(tmp_path, says, message):
    known = measured(tmp_path, a={})
    with pytest.raises(InputError, match=message):
        results_summary.render(known, [Finding(title="T", says=says, pages=("a",))])
    with pytest.raises(InputError, match="no page c"):
        results_summary.render(known, [Finding(title="T", says="", pages=("c",))])


def test_missing_key_is_named(tmp_path):
    content = {key: value for key, value in MEASUREMENT.items() if key != "does_not_show"}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"a\.json: lacks does_not_show"):
        results_page.read(tmp_path)


def test_no_measurements(tmp_path):
    page = results_summary.render(results_page.read(tmp_path), [])
    assert "Nothing has been measured yet." in page
    with pytest.raises(InputError, match="no such folder"):
        results_page.read(tmp_path / "nowhere")
