"""The grammar of result paths against folders written out, and against the rules of Snakemake."""

import re
from pathlib import Path

import pytest

from pipeline import paths
from pipeline.config import studies
from pipeline.errors import InputError
from pipeline.paths import Place

SEARCH = Place("search", "darts", "cifar10", "shapley_m20", 3)
FOLDERS = {
    "darts/cifar10/shapley_m20/seed3/search": SEARCH,
    "darts/cifar10/shapley_m20/seed3/genotype": SEARCH.at("genotype"),
    "darts/cifar10/shapley_m20/seed3/retrain/imagenet/rseed1": SEARCH.at("retrain", "imagenet", 1),
    "nasbench201/cifar10/lookup/seeds500/queries": Place(
        "queries", "nasbench201", "cifar10", "lookup", repeats=500
    ),
    "nasbench201/cifar10/table_optimal/seed0/query": Place(
        "query", "nasbench201", "cifar10", "table_optimal"
    ),
}


@pytest.mark.parametrize(("folder", "place"), FOLDERS.items())
def test_a_folder_names_its_place_and_back(folder, place):
    assert paths.parse(folder) == place
    assert place.folder == folder
    assert Path(folder).match(paths.globs("")[[*paths.STAGES].index(place.stage)])


@pytest.mark.parametrize(
    "folder",
    [
        "darts/cifar10/shapley/seed0/walk",
        "darts/cifar10/shapley/seed0",
        "darts/cifar10/shapley/seed0/search/more",
        "darts/cifar10/shapley/seedx/search",
        "darts/cifar10/sha pley/seed0/search",
        "darts/../shapley/seed0/search",
    ],
)
def test_what_is_no_run_is_named(folder):
    assert paths.find(folder) is None
    with pytest.raises(InputError, match=re.escape(folder)):
        paths.parse(folder)


def test_a_run_lies_below_any_folders():
    for folder, place in FOLDERS.items():
        assert paths.ending(Path("/home/me/by_hand", folder)) == place
    assert paths.ending(Path("/home/me/shapley/search")) is None


def test_the_stages_of_a_seed_lie_in_one_folder():
    for folder, place in FOLDERS.items():
        if place.stage != "queries":
            assert paths.seed_folder(Path("results/demo", folder)) == Path(
                "results/demo", place.seed_folder
            )
    assert paths.seed_folder(Path("mine/search")) == Path("mine")


def test_the_root_is_above_a_run():
    root = Path("results/demo").absolute()
    for folder in (*FOLDERS, "studies/oracle/loop_1/search"):
        assert paths.root_of(Path("results/demo", folder), folder) == root
    assert paths.root_of(Path("results/demo/other"), "search") is None
    assert paths.root_of(Path("results/demo"), "") is None


def test_folders_of_the_workflow_are_runs_studies_and_data():
    names = [*FOLDERS, "data/digits", "studies/own_images/data/photographs"]
    for study in studies.load_all("demo").values():
        names += [*study.folders(), study.folder(paths.SUMMARY)]
    assert all(paths.is_of_workflow(Path("results/demo", name)) for name in names)
    for name in ("", "by_hand", f"by_hand/{SEARCH.folder}", "studies/estimators", "data"):
        assert not paths.is_of_workflow(Path("results/demo", name)), name


def test_a_title_is_short_and_tells_runs_apart():
    search = Place("search", "nasbench201", "digits", "shapley", 2)
    assert search.title == "shapley · nasbench201/digits · s2"
    assert search.at("retrain", "digits64", 1).title == f"{search.title} · digits64 r1"
    many = Place("queries", "nasbench201", "digits", "random", repeats=500)
    assert many.title == "random · nasbench201/digits · 500 seeds"


def test_rules_spell_no_result_path_out():
    """Paths of results are patterns of `pipeline.paths`; only comments show them whole."""
    root = Path(__file__).parents[1]
    for path in [root / "Snakefile", *sorted((root / "rules").glob("*.smk"))]:
        code = re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE)
        assert not re.search(r"seed\{|results/\{", code), path
