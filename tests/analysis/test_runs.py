import subprocess
import sys

import pytest

from pipeline import paths
from pipeline.analysis import runs
from pipeline.errors import InputError
from tests.analysis.toys import EPOCHS, write_run


def test_collect_reads_names_and_content(toy_results):
    found = {run.folder: run for run in runs.collect(toy_results)}
    # 3 strategies x 3 seeds x (search, genotype, query, retrain), one training failed;
    # 3 seeds x (search, genotype, two trainings); a published cell and its training.
    assert len(found) == 3 * 3 * 4 - 1 + 3 * 4 + 2
    run = found["darts/digits/shapley/seed2/retrain/digits64/rseed0"]
    assert (run.space, run.dataset, run.strategy, run.stage) == (
        "darts",
        "digits",
        "shapley",
        "retrain",
    )
    assert (run.seed, run.target, run.rseed) == (2, "digits64", 0)
    assert [row["epoch"] for row in run.history] == list(range(EPOCHS))
    assert run.provenance["cpu"] == "A processor"


def test_unfinished_says_why(toy_results):
    failed = "nasbench201/digits/darts/seed2/retrain/digits/rseed0"
    never = "nasbench201/digits/darts/seed7/search"
    done = "nasbench201/digits/darts/seed0/search"
    expected = map(paths.parse, [done, failed, never])
    found = runs.unfinished(toy_results, expected, runs.collect(toy_results))
    assert [(one.place.folder, one.status) for one in found] == [
        (failed, "failed"),
        (never, "not started"),
    ]


def test_seeds_are_ordered_as_numbers(tmp_path):
    for seed in (10, 9):
        write_run(tmp_path / f"darts/digits/shapley/seed{seed}/search", {"epochs": 1})
    assert [run.seed for run in runs.collect(tmp_path)] == [9, 10]


def test_broken_files_are_named(tmp_path):
    folder = tmp_path / "darts/digits/shapley/seed0/search"
    write_run(folder, {"epochs": 1}, [{"epoch": 0, "train_loss": 1.0}])
    (folder / "history.csv").write_text("epoch,train_loss\n0,one\n")
    with pytest.raises(InputError, match=r"history\.csv"):
        runs.collect(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        runs.collect(tmp_path / "nowhere")


def test_runs_import_neither_torch_nor_mlflow():
    code = "import sys, pipeline.analysis.runs; print({'torch', 'mlflow'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
