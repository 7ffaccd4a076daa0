"""Studies on toy sizes give the numbers that `recorded.json` holds, and their pages render.

The file holds what the code gave before the studies became stages of the workflow, on the same
seeds: values that were measured on a supernet, and rows made of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from pipeline import paths
from pipeline.analysis import results_page
from pipeline.bench import shapley as bench
from pipeline.config import studies
from pipeline.config.layers import FOLDER, merge
from pipeline.errors import InputError
from pipeline.files import read_json
from pipeline.nasbench import Table
from pipeline.stages import measuring
from pipeline.studies import estimates, estimators, readings, walks
from pipeline.studies.agreement import with_reference
from tests.studies import runs
from tests.studies.test_table import made_up

CONFIG = Path(__file__).parents[2] / FOLDER
RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())
FEW = (
    "plain",
    "truncated_fifth",
    "regression_adjusted_fifth",
    "gradient_soft_fifth",
)
# Rounding differs from processor to processor.
CLOSE = {"rtol": 1e-3, "atol": 1e-5}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHAPLEY_NAS_TRACKING", "false")
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return made_up(tmp_path_factory.mktemp("table") / "t.csv")


def supernet_of(study, results: Path, name: str) -> Path:
    return results / study.folder(paths.SUPERNET, supernet=name) / "supernet.pt"


def draw_of(study, results: Path, supernet: str, draw: str) -> Path:
    return results / study.folder(paths.DRAW, supernet=supernet, draw=draw) / "estimates.json"


def sized(name: str, **changes) -> studies.Study:
    study = studies.load(name, "demo", CONFIG)
    return studies.Study(**merge(study.model_dump(), changes))


@pytest.fixture(scope="module")
def estimated(tmp_path_factory):
    study = sized("estimators", estimates={"only": FEW, "streams": (("repeat", 1),)})
    study = study.model_copy(update={"trainings": {"coalitions": study.trainings["coalitions"]}})
    return study, runs.run(study, tmp_path_factory.mktemp("estimators"))


@pytest.fixture(scope="module")
def read_of_table(tmp_path_factory):
    full = sized("oracle")
    study = full.model_copy(update={"trainings": {"loop": full.trainings["loop"]}})
    return study, runs.run(study, tmp_path_factory.mktemp("oracle"))


@pytest.mark.parametrize("name", ["estimators", "oracle"])
def test_values_are_those_that_were_recorded(name, request):
    study, results = request.getfixturevalue(
        {"estimators": "estimated", "oracle": "read_of_table"}[name]
    )
    recorded = RECORDED[name]
    for key, phi in recorded["walks"].items():
        supernet, walk = key.split("/")
        found = estimators.read_walk(study, results, supernet, walk).phi("soft_accuracy")
        assert_allclose(found, phi, **CLOSE, err_msg=key)
    *_, last = study.draws()
    for key, run in recorded["estimates"].items():
        supernet, variant = key.split("/")
        found = read_json(draw_of(study, results, supernet, last))[variant]
        for count in ("evaluations", "image_forwards"):
            assert found[count] == run.get(count, found[count]), key
        # By accuracy one image that is judged otherwise changes a value by an eighth.
        if name == "estimators":
            expected = np.array(run["phi"], dtype=float)
            assert_allclose(np.array(found["phi"], dtype=float), expected, **CLOSE, err_msg=key)


def test_rows_are_those_that_were_recorded(estimated, read_of_table, table):
    study, results = estimated
    blocks = estimators.block_rows(study, results)
    assert alike([b for b in blocks if b["supernet"] == "coalitions, 2 passes"], RECORDED["blocks"])
    study, results = read_of_table
    columned = study.model_copy(update={"dataset": "cifar10"})
    rows = [
        row
        for row in readings.reading_rows(columned, results, Table.load(table))
        if (row["way"], row["age"]) == ("loop", 2)
    ]
    found = {(row["batch_norm"], row["reading"]): row for row in rows}
    recorded = {(row["batch_norm"], row["reading"]): row for row in RECORDED["oracle"]["rows"]}
    assert found.keys() == recorded.keys()
    for key, row in recorded.items():
        assert alike({name: found[key][name] for name in row}, row), key


def test_estimates_are_compared_with_all_walks_together(estimated):
    """Each row says what its values say of the mean over both references; best ones first."""
    study, results = estimated
    both = [estimators.read_walk(study, results, "coalitions_2", name) for name in study.walks]
    reference = walks.together(both).phi("soft_accuracy")
    rows = [
        row
        for row in estimators.estimator_rows(study, results)
        if row["supernet"] == "coalitions, 2 passes"
    ]
    *rows, ceiling = rows
    assert {row["estimator"] for row in rows} == {*FEW} and ceiling["estimator"] == "ceiling"
    for row in rows:
        run = RECORDED["estimators"]["estimates"][f"coalitions_2/{row['estimator']}"]
        agreed = with_reference(np.array(run["phi"], dtype=float), reference)
        assert row["tau"]["mean"] == pytest.approx(agreed["tau"], abs=2e-3)
        assert row["share"] == pytest.approx(run["image_forwards"] / (250 * 32), abs=1e-3)
    taus = [row["tau"]["mean"] for row in rows]
    assert taus == sorted(taus, reverse=True)


def alike(found, recorded) -> bool:
    """Equal but for the last digit of numbers."""
    if isinstance(recorded, dict):
        return all(alike(found[key], value) for key, value in recorded.items())
    if isinstance(recorded, list):
        return len(found) == len(recorded) and all(map(alike, found, recorded))
    if isinstance(recorded, float):
        return found == pytest.approx(recorded, abs=2e-3, rel=1e-3)
    return found == recorded


def test_measurements_become_a_page(estimated, table, tmp_path):
    study, results = estimated
    job = studies.summary_job(study.model_copy(update={"dataset": "cifar10"}), "demo")
    out = results / study.folder(paths.SUMMARY)
    measuring.run_summary(job, results, table, out)
    folder = out / "measurements"
    assert {path.stem for path in folder.iterdir()} == {*study.measurements}
    page = "\n".join(results_page.render(results_page.read(folder)).values())
    assert "snakemake --cores all estimators --config preset=demo" in page
    assert "Supernets of C = 4, N = 1" in page and "| ceiling |" in page
    with pytest.raises(InputError, match="no table"):
        measuring.run_summary(job, results, None, out)


def test_walks_go_on_where_they_stopped(estimated, tmp_path, monkeypatch):
    """Killed after five of six permutations, four of them kept: the other two are walked."""
    study, results = estimated
    manifest, raw, split = runs.prepared("digits", tmp_path)
    job = studies.walk_job(study, "first").model_copy(update={"permutations": 6})
    arguments = (supernet_of(study, results, "coalitions_1"), manifest, split, raw)
    monkeypatch.setattr(walks, "KEPT_EVERY", 4)
    measuring.run_walk(job, *arguments, tmp_path / "whole" / "first", "cpu")
    walked: list[int] = []
    redraw = walks.AllValues.redraw

    def counted(self, m):
        walked.append(m)
        if walked == [*range(6)]:
            raise KeyboardInterrupt
        redraw(self, m)

    monkeypatch.setattr(walks.AllValues, "redraw", counted)
    with pytest.raises(KeyboardInterrupt):
        measuring.run_walk(job, *arguments, tmp_path / "cut" / "first", "cpu")
    measuring.run_walk(job, *arguments, tmp_path / "cut" / "first", "cpu")
    assert walked == [*range(6), 4, 5]
    whole, cut = (walks.read(tmp_path / name / "first" / "walks.npz") for name in ("whole", "cut"))
    assert np.array_equal(whole.V, cut.V)


def test_estimates_go_on_with_the_variant_that_is_missing(estimated, tmp_path, monkeypatch):
    study, results = estimated
    manifest, raw, split = runs.prepared("digits", tmp_path)
    job = studies.estimate_job(study, "coalitions_1", "repeat_1")
    supernet, out = supernet_of(study, results, "coalitions_1"), tmp_path / "cut"
    real, done = estimates.shapley_values, []

    def killed_at_the_third(V, settings, seed):
        if len(done) == 2:
            done.append("kill")
            raise KeyboardInterrupt
        done.append(settings.estimator)
        return real(V, settings, seed)

    monkeypatch.setattr(estimates, "shapley_values", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        measuring.run_estimate(job, supernet, manifest, split, raw, out, "cpu")
    measuring.run_estimate(job, supernet, manifest, split, raw, out, "cpu")
    assert len(done) == len(job.variants) + 1, "none twice"
    found = read_json(out / "estimates.json")
    whole = read_json(draw_of(study, results, "coalitions_1", "repeat_1"))
    assert [*found] == [*whole]
    for name in whole:
        for key in ("phi", "evaluations", "image_forwards"):
            assert found[name][key] == whole[name][key]


def test_what_estimators_share_is_what_each_would_find(estimated, tmp_path):
    """The same bits and counts, whether another estimator of this seed has asked before or not."""
    study, results = estimated
    manifest, raw, split = runs.prepared("digits", tmp_path)
    together = read_json(draw_of(study, results, "coalitions_1", "repeat_1"))
    for name in ("truncated_fifth", "regression_adjusted_fifth"):
        alone = study.estimates.model_copy(update={"only": (name,)})
        job = studies.estimate_job(
            study.model_copy(update={"estimates": alone}), "coalitions_1", "repeat_1"
        )
        supernet, out = supernet_of(study, results, "coalitions_1"), tmp_path / name
        measuring.run_estimate(job, supernet, manifest, split, raw, out, "cpu")
        found = read_json(out / "estimates.json")[name]
        for key in ("phi", "evaluations", "image_forwards"):
            assert found[key] == together[name][key]
        assert together[name]["seconds"] > 0


def test_the_bench(monkeypatch, tmp_path):
    """On digits, by two processes: a row for each estimator, the best first."""
    monkeypatch.setenv("SHAPLEY_NAS_DATA", str(tmp_path))
    size = {
        "ages": (3,),
        "search": {"epochs": 3, "limit_train": 64, "supernet": {"channels": 4}},
        "value": {"value_images": 8, "value_batch_size": 8},
        "walks": {
            name: {"permutations": 3, "settings": {"value_images": 16}}
            for name in ("first", "second")
        },
        "trainings": {
            "loop": {"settings": {"warmup_epochs": 1, "value_images": 32, "value_batch_size": 8}}
        },
        "estimates": {
            "whole": 1000,
            "only": ("plain", "truncated_fifth", "regression_adjusted_half"),
            "variants": {"plain": {"settings": {"value_images": 32}}},
        },
    }
    study = studies.Study(**merge(studies.load("estimators", "bench", CONFIG).model_dump(), size))
    rows = bench.rows(2, study, workers=2)
    assert [row["tau"] for row in rows] == sorted((row["tau"] for row in rows), reverse=True)
    by_name = {row["name"]: row for row in rows}
    # Its sizes are others than when these were recorded; costs follow from names and budgets.
    assert by_name.keys() == {recorded["name"] for recorded in RECORDED["bench"]}
    for recorded in RECORDED["bench"]:
        row = by_name[recorded["name"]]
        assert row["ratio"] == row["baseline_s"] / row["ours_s"]
        assert -1 <= row["tau"] <= 1
        assert set(recorded) <= set(row)
    plain, default = by_name["plain"], by_name["regression_adjusted_half"]
    reached = default["name"] if default["tau"] >= plain["tau"] else None
    assert plain.get("default") == reached


def test_a_misspelt_name_says_what_there_is():
    study = studies.load("estimators", "", CONFIG)
    with pytest.raises(InputError, match=r"estimators.yaml: no walk 'frist'; did you mean 'first'"):
        studies.walk_job(study, "frist")
    with pytest.raises(InputError, match="no 'estimator'; did you mean 'estimators'"):
        studies.load("estimator", "", CONFIG)


def test_shares_are_of_the_plain_forms_cost():
    for size in ("", "demo", "bench"):
        study = studies.load("estimators", size, CONFIG)
        supernet = [*study.supernets()][-1]
        variants = studies.estimate_job(study, supernet, "repeat_0").variants
        plain = 10 * 25 * variants.pop("plain")["value_images"]
        for name, settings in variants.items():
            share = study.estimates.variants[name].share
            if share is None or settings["budget"] is None:  # as its own options say
                continue
            spent = settings["budget"] * settings["value_images"]
            assert abs(spent - share * plain) <= settings["value_images"]  # whole evaluations
