import json
from urllib.parse import unquote

import pytest

from pipeline import tracking
from pipeline.analysis import differences
from pipeline.errors import InputError
from tests.analysis.study import write_run

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


def compared(*folders):
    return json.loads(differences.render(folders, as_json=True))


def test_seeds_are_one_side_with_an_interval_and_a_paired_difference(runs):
    found = compared(*runs.values())
    assert [side["n"] for side in found["sides"]] == [2, 3]
    assert found["sides"][0]["name"] == "darts/digits/darts/retrain/digits"
    assert found["config"] == [{"key": "train.epochs", "values": ["50", "25"]}]
    (error,) = found["metrics"]
    darts, shapley = error["values"]
    assert (darts["n"], shapley["n"]) == (2, 3)
    assert darts["mean"] == pytest.approx(0.035)
    assert darts["low"] == pytest.approx(0.035 - 12.7062 * 0.005, abs=1e-5)
    # Seeds 0 and 1 are shared: 0.005 and 0.007.
    assert error["paired"] and error["difference"]["n"] == 2
    assert error["difference"]["mean"] == pytest.approx(0.006)
    address = unquote(found["mlflow"])
    assert address.startswith("http://127.0.0.1:5055/#/compare-runs?runs=[")
    assert '"darts0","darts1","shapley0"' in address and address.endswith('experiments=["7"]')


def test_single_runs_differ_without_an_interval(runs):
    (error,) = compared(runs["darts", 0], runs["shapley", 2])["metrics"]
    assert error["difference"] == pytest.approx(
        {"n": 1, "mean": 0.010, "deviation": None, "low": None, "high": None}
    )
    assert not error["paired"], "no seed in common"


def test_trainings_of_one_search_count_once(runs, tmp_path):
    twice = tmp_path / "demo/darts/digits/darts/seed0/retrain/digits/rseed1"
    settings = {"layout": "cifar10", "train": {"epochs": 50}}
    write_run(twice, {"test_error": 0.020}, record={"settings": settings})
    (error,) = compared(runs["darts", 0], str(twice), runs["darts", 1])["metrics"]
    assert error["values"][0]["n"] == 2
    assert error["values"][0]["mean"] == pytest.approx((0.025 + 0.040) / 2)
    (error,) = compared(runs["darts", 0], str(twice))["metrics"]
    assert error["values"][0]["n"] == 2, "of one search the trainings are the seeds"


def test_text_says_what_stands_where(runs):
    text = differences.render([*runs.values()], as_json=False)
    assert "A  darts/digits/darts/retrain/digits  (2 seeds)" in text
    assert "0.035 ± 0.0635 (n = 2)" in text and "0.006 ± " in text
    assert "train.epochs" in text and "http://127.0.0.1:5055/#/compare-runs?runs=" in text
    assert "no difference" in differences.render([runs["darts", 0], runs["darts", 1]], False)


def test_ids_of_mlflow_are_runs_too(runs, monkeypatch):
    told = tracking.Recorded(
        run_id="a" * 32,
        experiment_id="7",
        name="retrain darts/digits/darts/seed5/retrain/digits/rseed0",
        params={"layout": "cifar10", "train.epochs": "50", "seed": "0"},
        metrics={"final/test_error": 0.05, "train_loss": 1.0},
        tags={"run": "darts/digits/darts/seed5/retrain/digits/rseed0"},
    )
    monkeypatch.setattr(tracking, "recorded", lambda run_id: told)
    found = compared(runs["darts", 0], "a" * 32)
    assert [side["n"] for side in found["sides"]] == [2], "the same thing, another seed"
    assert found["metrics"][0]["values"][0]["mean"] == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("argument", "words"),
    [("nowhere", "neither a folder"), (".", "no metrics.json"), ("f" * 32, "no such run")],
)
def test_what_is_no_run_is_one_line(runs, argument, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with pytest.raises(InputError, match=words) as error:
        differences.render([runs["darts", 0], argument], as_json=True)
    assert len(str(error.value).splitlines()) == 1


def test_one_run_is_compared_with_nothing(runs):
    with pytest.raises(InputError, match="two or more"):
        differences.render([runs["darts", 0]], as_json=True)
