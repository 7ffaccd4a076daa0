"""The whole chain on toy data: what it leaves behind, and what a second run does."""

from __future__ import annotations

import contextlib
import copy
import re

import pytest

from tests.workflow.conftest import SETTINGS

pytestmark = pytest.mark.workflow

SHAPLEY = "nasbench201/digits/shapley/seed0"
RANDOM = "darts/digits/random/seed0"
FILES = [
    "data/digits/manifest.json",
    "data/digits64/split.npz",
    f"{SHAPLEY}/search/strength.npz",
    f"{SHAPLEY}/search/history.csv",
    f"{SHAPLEY}/search/supernet.pt",
    f"{SHAPLEY}/removal/drops.csv",
    f"{SHAPLEY}/genotype/genotype.json",
    f"{SHAPLEY}/genotype/cell.svg",
    f"{SHAPLEY}/genotype/cell.png",
    f"{SHAPLEY}/genotype/model.pt",
    f"{SHAPLEY}/query/metrics.json",
    f"{SHAPLEY}/retrain/digits/rseed0/model.pt",
    f"{RANDOM}/genotype/genotype.json",
    f"{RANDOM}/retrain/digits64/rseed0/metrics.json",
    "report/index.html",
]
STAGES = {
    "prepare": 2,
    "search": 2,
    "genotype": 2,
    "query": 1,
    "removal": 1,
    "retrain": 1,
    "transfer": 1,
}


@pytest.fixture(scope="module")
def done(copy_checkout):
    """A checkout in which the chain ran once."""
    checkout = copy_checkout()
    code, output = checkout.snakemake()
    assert code == 0, output
    return checkout


def jobs_of(output: str) -> dict[str, int]:
    """Rule -> number of jobs, as Snakemake's summary lists them."""
    return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}


def test_every_stage_leaves_its_files(done):
    assert [name for name in FILES if not done.path(name).exists()] == []


def test_one_parent_and_one_child_a_stage_all_ended(done):
    runs = [run for run in done.store() if run["stage"] != "row"]
    (parent,) = [run for run in runs if not run["parent"]]
    children = [run for run in runs if run["parent"]]
    assert {run["status"] for run in runs} == {"FINISHED"}
    assert {run["parent"] for run in children} == {parent["id"]}
    names = [run["stage"] for run in children]
    assert {name: names.count(name) for name in names} == STAGES
    assert len({run["run"] for run in children}) == len(children)


def test_the_study_is_a_table_in_mlflow_and_its_networks_are_models(done):
    toy = [run for run in done.store() if run["experiment"] == "shapley-nas/demo/toy"]
    rows = {run["name"]: run for run in toy}
    assert set(rows) == {"Shapley-NAS", "Random"}
    trained = [run for run in done.store() if run["stage"] in ("retrain", "transfer")]
    assert len(trained) == 2, "and the demo's own table, of which a row was made, is not there"
    assert all(run["models"] == 1 and run["row of toy"] in rows for run in trained)


def test_a_second_run_has_no_job_and_makes_no_run(done):
    before = done.store()
    code, output = done.snakemake()
    assert code == 0, output
    assert "Nothing to be done" in output
    assert done.store() == before


def test_a_changed_setting_reruns_only_the_rules_that_read_it(done):
    changed = copy.deepcopy(SETTINGS)
    changed["retrain"]["nasbench201"]["epochs"] = 2
    done.set(changed)
    try:
        _, output = done.snakemake("-n")
    finally:
        done.set(SETTINGS)
    ran = jobs_of(output)
    assert {name for name in ran if name not in ("all", "total")} == {
        "retrain_network",
        "write_report",
    }
    assert ran["retrain_network"] == 1


def test_a_search_without_its_supernet_is_run_again_only_for_the_supernet(done):
    """Searches of earlier versions have none; their cells and trainings stand."""
    supernet = done.path(f"{SHAPLEY}/search/supernet.pt")
    aside = supernet.rename(supernet.with_suffix(".aside"))
    try:
        own = f"results/demo/{SHAPLEY}"
        _, others = done.snakemake("-n", f"{own}/query/metrics.json")
        _, output = done.snakemake("-n", f"{own}/search/supernet.pt")
    finally:
        aside.rename(supernet)
    assert "Nothing to be done" in others
    assert jobs_of(output)["search_architecture"] == 1


def test_what_fills_the_disk_is_a_target_that_makes_no_run(done):
    before = done.store()
    code, output = done.snakemake("disk")
    assert code == 0, output
    rows = [line.split("│")[1:4] for line in output.splitlines() if line.startswith("│ demo")]
    assert {stage.strip() for _, stage, _ in rows} >= {"search", "genotype", "retrain"}
    assert done.store() == before


def test_snakemakes_own_report_has_captions_and_fetches_nothing(done):
    code, output = done.snakemake("--report", "report.html")
    assert code == 0, output
    page = (done.folder / "report.html").read_text()
    assert "Cell found by shapley in the space nasbench201 on digits, seed 0." in page
    assert "All results of preset demo beside the paper" in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.?(http|//)", page)


def test_where_jobs_run_makes_nothing_stale(done):
    _, output = done.snakemake("-n", SHAPLEY_NAS_DATA="elsewhere")
    assert "Nothing to be done" in output


@contextlib.contextmanager
def edited(done, name):
    """A source file of the checkout with a line more, for a while."""
    source = done.folder / "pipeline" / name
    original = source.read_text()
    source.write_text(original + "# changed\n")
    try:
        yield
    finally:
        source.write_text(original)


def test_an_edited_strategy_reruns_its_searches_and_nothing_else(done):
    with edited(done, "strategies/random.py"):
        _, output = done.snakemake("-n")
    assert {name: n for name, n in jobs_of(output).items() if name not in ("all", "total")} == {
        "search_without_training": 1,
        "export_genotype": 1,
        "transfer_network": 1,
        "write_report": 1,
    }


def test_results_of_other_code_are_named_in_the_report(done):
    assert "made by other code" not in done.path("report/index.html").read_text()
    with edited(done, "strategies/weights.py"):
        code, output = done.snakemake("--forcerun", "write_report")
        page = done.path("report/index.html").read_text()
    assert code == 0, output
    (named,) = re.findall(r"made by other code than the present one: ([^.]*)\.", page)
    assert named == SHAPLEY
