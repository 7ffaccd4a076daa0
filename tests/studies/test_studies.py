"""Studies on toy sizes give the numbers that `recorded.json` holds, and their pages render.

The file holds what the code gave before the studies became stages of the workflow, on the same
seeds: values that were measured on a supernet, and rows made of them.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from pipeline import paths
from pipeline.analysis import results_page
from pipeline.config import studies
from pipeline.config.layers import FOLDER, merge
from pipeline.errors import InputError
from pipeline.files import read_json
from pipeline.nasbench import Table
from pipeline.stages import measuring
from pipeline.studies import estimates, estimators, reaching, readings, walks
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


def only(all_variants: studies.Estimates, names: tuple[str, ...]) -> studies.Estimates:
    """Estimates by some of the variants."""
    variants = {name: all_variants.variants[name] for name in names}
    return all_variants.model_copy(update={"variants": variants})


@pytest.fixture(scope="module")
def estimated(tmp_path_factory):
    full = sized("estimators", estimates={"streams": (("repeat", 1),)})
    trainings = {"coalitions": full.trainings["coalitions"]}
    study = full.model_copy(update={"trainings": trainings, "estimates": only(full.estimates, FEW)})
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
        alone = only(study.estimates, (name,))
        job = studies.estimate_job(
            study.model_copy(update={"estimates": alone}), "coalitions_1", "repeat_1"
        )
        supernet, out = supernet_of(study, results, "coalitions_1"), tmp_path / name
        measuring.run_estimate(job, supernet, manifest, split, raw, out, "cpu")
        found = read_json(out / "estimates.json")[name]
        for key in ("phi", "evaluations", "image_forwards"):
            assert found[key] == together[name][key]
        assert together[name]["seconds"] > 0


def test_the_default_is_compared_with_others_at_their_tau(tmp_path):
    """On digits: a row for each estimator, the best first, and the agreement of the walks last."""
    full = sized("estimators_loop")
    names = ("plain", "truncated", "regression_adjusted_fifth", "regression_adjusted_tenth")
    study = full.model_copy(update={"estimates": only(full.estimates, names)})
    results = runs.run(study, tmp_path)
    *rows, ceiling = reaching.reaching_rows(study, results)
    assert ceiling["name"] == "ceiling" and -1 <= ceiling["tau"] <= 1
    assert [row["tau"] for row in rows] == sorted((row["tau"] for row in rows), reverse=True)
    by_name = {row["name"]: row for row in rows}
    assert by_name.keys() == {*names}
    assert by_name["plain"]["image_forwards"] == 8000
    assert by_name["regression_adjusted_fifth"]["image_forwards"] == pytest.approx(1600, abs=16)
    columns = {*study.measurements["shapley_cost"].columns}
    assert all(set(row) <= columns for row in rows)
    assert all(columns - set(row) <= {c for c in columns if "default" in c} for row in rows)
    for other in ("plain", "truncated"):
        enough = [name for name in names[2:] if by_name[name]["tau"] >= by_name[other]["tau"]]
        assert by_name[other].get("default") == (enough[-1] if enough else None)


def test_the_cheapest_default_that_reaches_a_tau_is_taken() -> None:
    """Values of 24 players; those of `plain` in a wrong order, so that it agrees by less."""
    reference = np.arange(24.0)
    worse = np.r_[reference[6:], reference[:6]]

    def runs(phi: np.ndarray, seconds: float, forwards: int) -> list[dict[str, Any]]:
        one = {"phi": [*phi], "seconds": seconds, "image_forwards": forwards}
        return [one, {**one, "seconds": 2 * seconds}]

    variants = {
        "plain": runs(worse, 10.0, 1000),
        "regression_adjusted_fifth": runs(reference, 1.0, 200),
        "regression_adjusted_tenth": runs(worse, 0.5, 100),
        "regression_adjusted_hundredth": runs(worse[::-1], 0.1, 10),
    }
    taus = {
        name: with_reference(estimators.phi_of(repeats[0]), reference)["tau"]
        for name, repeats in variants.items()
    }
    columns = reaching.reached(variants, taus)["plain"]
    assert columns["default"] == "regression_adjusted_tenth"
    assert columns["default_forwards_ratio"] == 10
    assert (columns["default_ratio"], columns["default_ratio_low"]) == (20, 20)
    del variants["regression_adjusted_fifth"], variants["regression_adjusted_tenth"]
    assert reaching.reached(variants, taus) == {"plain": {}}


def test_a_misspelt_name_says_what_there_is():
    study = studies.load("estimators", "", CONFIG)
    with pytest.raises(InputError, match=r"estimators.yaml: no walk 'frist'; did you mean 'first'"):
        studies.walk_job(study, "frist")
    with pytest.raises(InputError, match="no 'estimator'; did you mean 'estimators'"):
        studies.load("estimator", "", CONFIG)


def test_shares_are_of_the_plain_forms_cost():
    for name, size in product(("estimators", "estimators_loop"), ("", "demo")):
        study = studies.load(name, size, CONFIG)
        supernet = [*study.supernets()][-1]
        variants = studies.estimate_job(study, supernet, "repeat_0").variants
        plain = 10 * 25 * variants.pop("plain")["value_images"]
        for variant, settings in variants.items():
            share = study.estimates.variants[variant].share
            if share is None or settings["budget"] is None:  # as its own options say
                continue
            spent = settings["budget"] * settings["value_images"]
            assert abs(spent - share * plain) <= settings["value_images"]  # whole evaluations
