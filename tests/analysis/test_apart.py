"""Runs of other settings are set apart, and those of other code are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import provenance
from pipeline.analysis import apart, comparison_text, report, runs
from pipeline.analysis.evidence import Evidence
from pipeline.config import jobs, load, planned
from pipeline.paths import Place
from pipeline.registry import sources
from tests.analysis.toys import report_job, write_run

CONFIG = Path(__file__).parents[2] / "config"
SEARCH = {"space": "darts", "algorithm": "random", "settings": {}}


def write(results: Path, seed: int, epochs: int, modules: dict[str, str] | None = None) -> None:
    """A search with some number of epochs, and what follows from it."""
    place = Place("search", "darts", "digits", "random", seed)
    settings = {**SEARCH, "search": {"epochs": epochs}}
    record = {"settings": settings, "modules": modules or {}}
    write_run(results / place.folder, {"epochs": 0, "seconds": 1.0}, record=record)
    for follows in (place.at("genotype"), place.at("retrain", "digits", 0)):
        metrics = {"test_error": 0.03, "params": 5, "arch": "cell"}
        record = {"settings": {"layout": "cifar10"}, "modules": modules or {}}
        write_run(results / follows.folder, metrics, record=record)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Of three seeds the last was searched with other settings."""
    for seed, epochs in enumerate((4, 4, 5)):
        write(tmp_path, seed, epochs)
    return tmp_path


def test_what_follows_from_a_search_of_other_settings_goes_with_it(three: Path) -> None:
    kept, others = apart.split(runs.collect(three), {})
    assert {run.seed for run in kept} == {0, 1}
    assert {run.stage for run in others} == {"search", "genotype", "retrain"}
    assert {run.seed for run in others} == {2}


def test_the_plan_says_which_settings_are_meant(three: Path) -> None:
    digest = planned.digest_of("search", {**SEARCH, "search": {"epochs": 5}})
    kept, _ = apart.split(runs.collect(three), {"search darts random": digest})
    assert {run.seed for run in kept} == {2}


def test_a_comparison_says_what_it_leaves_out(
    three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = json.loads(comparison_text.render_folder(three, "json"))
    assert rows and {row["n"] for row in rows} == {2}
    said = "left out, since their settings are others: darts/digits/random/seed2\n"
    assert capsys.readouterr().err == said


def test_a_report_takes_them_into_no_number(three: Path) -> None:
    evidence = Evidence.of(report_job(), runs.collect(three))
    assert {run.seed for run in evidence.runs} == {0, 1}
    assert {run.seed for run in evidence.apart} == {2}


def test_the_page_says_so(tmp_path: Path) -> None:
    for seed, epochs in enumerate((4, 4, 5)):
        place = Place("search", "nasbench201", "digits", "random", seed)
        settings = {**SEARCH, "search": {"epochs": epochs}}
        write_run(tmp_path / place.folder, {"epochs": 0}, record={"settings": settings})
    page = report.render(report_job(), tmp_path, tmp_path)
    assert "1 result has other settings than this workflow" in page
    assert 'href="./nasbench201/digits/random/seed2/search/"' in page


def test_defaults_that_are_new_since_make_no_other_settings() -> None:
    config = load.resolve({}, CONFIG)
    whole = jobs.search_job(config, "nasbench201", "shapley").model_dump(mode="json")
    digest = planned.digest_of("search", whole)
    del whole["search"]["nesterov"], whole["settings"]["augment"]
    assert planned.digest_of("search", whole) == digest
    whole["settings"]["momentum"] = 0.5
    assert planned.digest_of("search", whole) != digest


def test_a_workflow_plans_the_settings_that_its_stages_get() -> None:
    config = load.resolve({}, CONFIG)
    places = [
        Place("search", "nasbench201", "digits", "shapley"),
        Place("retrain", "darts", "digits", "shapley", 0, "digits64", 0),
        Place("query", "nasbench201", "digits", "shapley"),
    ]
    found = planned.digests(config, places)
    assert set(found) == {"search nasbench201 shapley", "retrain darts digits64"}
    job = jobs.transfer_job(config, "darts", "digits64").model_dump(mode="json")
    assert found["retrain darts digits64"] == planned.digest_of("retrain", job)


def test_only_the_runs_whose_code_has_changed_are_named(tmp_path: Path) -> None:
    now = sources.digest("pipeline.strategies.random")
    write(tmp_path, 0, 4, {"pipeline.strategies.random": now})
    write(tmp_path, 1, 4, {"pipeline.strategies.random": "0" * 12})
    found = runs.collect(tmp_path)
    digest = provenance.source_digest()
    changed = {run.seed for run in found if apart.changed_since(run, digest)}
    assert changed == {1}
    text = comparison_text.render_folder(tmp_path)
    assert "made by other code: darts/digits/random/seed1" in text
