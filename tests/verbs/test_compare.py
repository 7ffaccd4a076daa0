import json
from pathlib import Path
from urllib.parse import unquote

import pytest
from scipy import stats

from pipeline.errors import InputError
from pipeline.files import write_json
from pipeline.tracking import lookup
from pipeline.verbs import record
from tests.analysis.toys import write_run

ERRORS = {"darts": {0: 0.030, 1: 0.040}, "shapley": {0: 0.025, 1: 0.033, 2: 0.020}}
EPOCHS = {"darts": 50, "shapley": 25}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Folders of trainings by (strategy, seed)."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5055")
    folders = {}
    for strategy, errors in ERRORS.items():
        for seed, error in errors.items():
            folder = tmp_path / f"demo/darts/digits/{strategy}/seed{seed}/retrain/digits/rseed0"
            settings = {"layout": "cifar10", "train": {"epochs": EPOCHS[strategy]}}
            ids = {"mlflow_run_id": f"{strategy}{seed}", "mlflow_experiment_id": "7"}
            metrics = {"test_error": error, "layout": "cifar10"}
            write_run(folder, metrics, record={"settings": settings, "seed": 0, **ids})
            folders[strategy, seed] = str(folder)
    return folders


@pytest.fixture
def text(capsys):
    def printed(*arguments, as_json=False):
        record.compare.callback(arguments, "text", as_json)
        return capsys.readouterr().out

    return printed


@pytest.fixture
def compared(text):
    return lambda *arguments: json.loads(text(*arguments, as_json=True))


def test_seeds_are_one_side_and_differ_over_shared_search_seeds(runs, compared):
    found = compared(*runs.values())
    assert [side["n"] for side in found["sides"]] == [2, 3]
    assert found["sides"][0]["name"] == "darts/digits/darts/retrain/digits"
    assert found["config"] == [{"key": "train.epochs", "values": ["50", "25"]}]
    (error,) = found["metrics"]
    darts, shapley = error["values"]
    assert (darts["n"], shapley["n"]) == (2, 3)
    assert darts["mean"] == pytest.approx(0.035)
    assert (darts["low"], darts["text"]) == (None, "0.0300, 0.0400"), "two have no interval"
    low, high = stats.t.interval(0.95, 2, loc=0.026, scale=stats.sem([0.025, 0.033, 0.020]))
    assert (shapley["low"], shapley["high"]) == (pytest.approx(low), pytest.approx(high))
    # Seeds 0 and 1 are shared: 0.005 and 0.007.
    gap = error["difference"]
    assert (gap["paired"], gap["over"], gap["seeds"]) == (True, "search seeds", [0, 1])
    assert gap["mean"] == pytest.approx(0.006)
    address = unquote(found["mlflow"])
    assert address.startswith("http://127.0.0.1:5055/#/compare-runs?runs=[")
    assert '"darts0","darts1","shapley0"' in address and address.endswith('experiments=["7"]')


def test_single_runs_differ_without_an_interval(runs, compared):
    (error,) = compared(runs["darts", 0], runs["shapley", 2])["metrics"]
    gap = error["difference"]
    assert (gap["mean"], gap["low"], gap["high"]) == (pytest.approx(0.010), None, None)
    assert not gap["paired"], "no seed in common"


def test_a_published_cell_is_not_paired_with_a_search(runs, tmp_path, compared, text):
    """Its seeds are those of its trainings; seed 0 of one is not seed 0 of the other."""
    base = tmp_path / "demo/darts/digits/published_darts_v1/seed0/retrain/digits"
    settings = {"layout": "cifar10", "train": {"epochs": 25}}
    errors = (0.030, 0.041, 0.039)
    for rseed, error in enumerate(errors):
        record = {"settings": settings, "seed": rseed}
        write_run(base / f"rseed{rseed}", {"test_error": error}, record=record)
    published = [str(base / f"rseed{rseed}") for rseed in range(3)]
    ours = [runs["shapley", seed] for seed in range(3)]
    (error,) = compared(*ours, *published)["metrics"]
    assert [value["n"] for value in error["values"]] == [3, 3]
    gap = error["difference"]
    welch = stats.ttest_ind([0.025, 0.033, 0.020], errors, equal_var=False)
    interval = welch.confidence_interval(0.95)
    assert (gap["paired"], gap["mean"]) == (False, pytest.approx(0.026 - 0.110 / 3))
    assert (gap["low"], gap["high"]) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert "not paired" in text(*ours, *published)
    (error,) = compared(*published, *published[:1])["metrics"]
    assert "difference" not in error, "the trainings of one cell are one side"


def test_the_genotype_is_a_setting(runs, compared):
    for (strategy, _), folder in runs.items():
        cells = {"normal": [[[f"{strategy}_operation", 0]]]}
        write_json(Path(folder).parents[2] / "genotype" / "genotype.json", {"cells": cells})
    (row,) = [
        row
        for row in compared(runs["darts", 0], runs["shapley", 0])["config"]
        if row["key"] == "genotype"
    ]
    assert ["darts_operation" in row["values"][0], "shapley_operation" in row["values"][1]] == [
        True,
        True,
    ]


def test_a_value_that_is_no_number_has_failed(runs, tmp_path, compared, text):
    folder = tmp_path / "demo/darts/digits/darts/seed5/retrain/digits/rseed0"
    settings = {"layout": "cifar10", "train": {"epochs": 50}}
    write_run(folder, {}, record={"settings": settings})
    (folder / "metrics.json").write_text('{"test_error": NaN}')
    (error,) = compared(runs["darts", 0], str(folder))["metrics"]
    assert (error["values"][0]["n"], error["failed"]) == (1, [1])
    assert "0.0300 (n = 1), 1 failed" in text(runs["darts", 0], str(folder))


def test_trainings_of_one_search_count_once(runs, tmp_path, compared):
    twice = tmp_path / "demo/darts/digits/darts/seed0/retrain/digits/rseed1"
    settings = {"layout": "cifar10", "train": {"epochs": 50}}
    write_run(twice, {"test_error": 0.020}, record={"settings": settings})
    (error,) = compared(runs["darts", 0], str(twice), runs["darts", 1])["metrics"]
    assert error["values"][0]["n"] == 2
    assert error["values"][0]["mean"] == pytest.approx((0.025 + 0.040) / 2)
    (error,) = compared(runs["darts", 0], str(twice))["metrics"]
    assert error["values"][0]["n"] == 2, "of one search the trainings are the seeds"


def test_text_says_what_stands_where(runs, text):
    said = text(*runs.values())
    assert "A  darts/digits/darts/retrain/digits  (2 runs)" in said
    assert "0.0300, 0.0400 (n = 2)" in said and "0.026 ± 0.016 (n = 3)" in said
    assert "A - B: paired over search seeds 0, 1" in said
    assert "train.epochs" in said and "http://127.0.0.1:5055/#/compare-runs?runs=" in said
    assert "no difference" in text(runs["darts", 0], runs["darts", 1])


def test_ids_of_mlflow_are_runs_too(runs, monkeypatch, compared):
    told = lookup.Recorded(
        run_id="a" * 32,
        experiment_id="7",
        name="retrain darts/digits/darts/seed5/retrain/digits/rseed0",
        params={"layout": "cifar10", "train.epochs": "50", "seed": "0"},
        metrics={"final/test_error": 0.05, "train_loss": 1.0},
        tags={"run": "darts/digits/darts/seed5/retrain/digits/rseed0"},
    )
    monkeypatch.setattr(lookup, "recorded", lambda run_id: told)
    found = compared(runs["darts", 0], "a" * 32)
    assert [side["n"] for side in found["sides"]] == [2], "the same thing, another seed"
    assert found["metrics"][0]["values"][0]["mean"] == pytest.approx(0.04)


def test_a_setting_that_mlflow_has_cut_is_no_difference(tmp_path, monkeypatch, compared):
    layers, run = [0] * 400, "demo/darts/digits/darts/seed{}/retrain/digits/rseed0"
    folder = tmp_path / run.format(0)
    write_run(folder, {"test_error": 0.03}, record={"settings": {"layers": layers}})
    cut = str(layers)[:499] + "…"
    told = lookup.Recorded(
        run_id="a" * 32,
        experiment_id="7",
        name="",
        params={"layers": cut},
        metrics={"final/test_error": 0.05},
        tags={"run": run.format(1).removeprefix("demo/")},
    )
    monkeypatch.setattr(lookup, "recorded", lambda run_id: told)
    assert [side["n"] for side in compared(str(folder), "a" * 32)["sides"]] == [2]
    other = tmp_path / run.format(2)
    settings = {"layers": [*layers[:-1], 1]}
    write_run(other, {"test_error": 0.03}, record={"settings": settings})
    assert len(compared(str(folder), str(other))["sides"]) == 2, "folders have them in full"


@pytest.mark.parametrize(
    ("argument", "words"),
    [("nowhere", "neither a folder"), (".", "no metrics.json"), ("f" * 32, "no such run")],
)
def test_what_is_no_run_is_one_line(runs, argument, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with pytest.raises(InputError, match=words) as error:
        record.compare.callback((runs["darts", 0], argument), "json", False)
    assert len(str(error.value).splitlines()) == 1


def test_one_run_is_compared_with_nothing(runs):
    with pytest.raises(InputError, match="two or more"):
        record.compare.callback((runs["darts", 0],), "json", False)
