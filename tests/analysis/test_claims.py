"""Claims judged on made-up runs, against intervals of scipy's, and the page that is rendered."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis import claims, claims_page, runs
from pipeline.config.claims import FAILS, HOLDS, OPEN
from pipeline.config.experiments import Experiment
from pipeline.config.jobs import ReportJob
from pipeline.errors import InputError
from pipeline.stages import report
from tests.analysis.toys import write_run

WORDS = {"section": "1", "here": "h", "differs": "d"}
ROWS = {"space": "nasbench201", "datasets": ["cifar10"], "seeds": [0, 1, 2, 3], "query": True}
ACCURACY = {"darts": [54.3, 54.3, 54.3, 54.3], "shapley": [93.4, 93.5, 93.8, 94.4]}
PRINTED = {"darts": 54.3, "shapley": 94.37}
EXPERIMENT = Experiment.model_validate(
    {
        "name": "claims",
        "title": "Claims",
        "rows": [
            *(
                {"label": name.upper(), "strategy": name, **ROWS, "ranking": True,
                 "paper": {"cifar10": {"cifar10_test": {"mean": printed}}}}
                for name, printed in PRINTED.items()
            ),
            {"label": "GDAS", "strategy": "gdas", **ROWS},
            {"label": "Grid", "strategy": "grid", "space": "nasbench201", "datasets": ["digits"],
             "query": True, "repeats": 3},
        ],
        "claims": {
            "C1": {"sentence": "One.", **WORDS, "curve": "cifar10_test", "conditions": [
                {"says": "difference", "strategy": "shapley", "versus": "darts",
                 "measure": "query/cifar10_test", "above": 30},
                {"says": "order", "order": ["darts", "shapley"],
                 "measure": "query/cifar10_test", "above": 0},
                {"says": "seconds", "strategy": "shapley", "versus": "darts", "ratio": True,
                 "measure": "search/seconds", "below": 1, "decides": False},
            ]},
            "C2": {"sentence": "Two.", **WORDS, "conditions": [
                {"says": "low", "strategy": "shapley", "measure": "query/cifar10_test",
                 "below": 90},
            ]},
            "H1": {"sentence": "Ours.", **WORDS, "conditions": [
                {"says": "all", "strategy": "darts", "measure": "query/cifar10_test",
                 "below": 70, "hits": 4},
                {"says": "most", "strategy": "shapley", "measure": "query/cifar10_test",
                 "above": 93.6, "hits": 3, "decides": False},
            ]},
            "C3": {"sentence": "Three.", **WORDS, "conditions": [
                {"says": "passes", "strategy": "shapley", "measure": "search/passes", "below": 9},
                {"says": "gdas", "strategy": "gdas", "measure": "query/cifar10_test", "above": 0},
            ]},
        },
    }
)  # fmt: skip


@pytest.fixture
def results(tmp_path):
    """Four seeds of two strategies; GDAS has not run."""
    for name, accuracies in ACCURACY.items():
        for seed, accuracy in enumerate(accuracies):
            base = tmp_path / "laptop" / "nasbench201" / "cifar10" / name / f"seed{seed}"
            seconds = {"darts": 100.0, "shapley": 150.0}[name] + seed
            cost = {"seconds": seconds, "images_forward": 2, "images_backward": 3}
            write_run(base / "search", cost)
            write_run(base / "query", {"cifar10_test": accuracy})
            epochs = [{"epoch": e, "cifar10_test": accuracy - 2 + e} for e in range(3)]
            write_run(base / "ranking", {"tau_cifar10_test": 0.1}, epochs)
    grid = tmp_path / "laptop" / "nasbench201" / "digits" / "grid" / "seeds3" / "queries"
    rows = [{"seed": s, "digits_test": 80 + s, "tau_digits_test": s / 10} for s in range(3)]
    write_run(grid, {"n_seeds": 3}, rows)
    return tmp_path / "laptop"


@pytest.fixture
def measured(results):
    titles = {"darts": "DARTS"}
    job = ReportJob(
        preset="laptop", seeds=(0,), retrain_seeds=(0,), experiments=(EXPERIMENT,), titles=titles
    )
    return claims.measure(job, results)


def test_a_difference_is_paired_and_its_interval_is_scipys(measured):
    difference, order, seconds = measured["claims_c1.json"]["conditions"]
    by_seed = np.subtract(ACCURACY["shapley"], ACCURACY["darts"])
    low, high = stats.t.interval(0.95, 3, by_seed.mean(), stats.sem(by_seed))
    assert difference["result"] == {
        "mean": pytest.approx(by_seed.mean(), abs=1e-4),
        "half_width": pytest.approx((high - low) / 2, abs=1e-4),
        "n": 4,
    }
    assert difference["verdict"] == HOLDS
    assert order["result"] == {"mean": 1.0, "half_width": 0.0, "n": 4}
    ratios = [(150 + seed) / (100 + seed) for seed in range(4)]
    assert seconds["result"]["mean"] == pytest.approx(np.mean(ratios), abs=1e-4)
    assert seconds["verdict"] == FAILS  # but it does not decide
    assert measured["claims_c1.json"]["verdict"] == HOLDS


def test_verdicts_of_claims(measured):
    assert measured["claims_c2.json"]["verdict"] == FAILS
    passes, gdas = measured["claims_c3.json"]["conditions"]
    assert passes["result"]["mean"] == 2 + 2 * 3  # a backward pass counts twice
    assert (passes["verdict"], gdas["result"], gdas["verdict"]) == (HOLDS, None, OPEN)
    assert measured["claims_c3.json"]["verdict"] == OPEN


def test_single_seeds_are_counted(measured):
    all_of_them, most = measured["claims_h1.json"]["conditions"]
    assert (all_of_them["rule"], all_of_them["verdict"]) == ("below 70, 4 of 4 seeds", HOLDS)
    assert (most["rule"], most["verdict"]) == ("above 93.6, 3 of 4 seeds", FAILS)


def test_pictures_show_curves_or_values(measured):
    curves = measured["claims_c1.json"]["picture"]["series"]
    assert curves["SHAPLEY"][3] == {1: 92.4, 2: 93.4, 3: 94.4}
    assert measured["claims_c2.json"]["picture"]["dots"]["SHAPLEY"][3] == 94.4


def test_what_has_not_run_is_in_the_plan(measured):
    rows = {row["label"]: row for row in measured["claims_plan.json"]["rows"]}
    assert (rows["SHAPLEY"]["done"], rows["SHAPLEY"]["wanted"]) == (4, 4)
    assert (rows["Grid"]["done"], rows["Grid"]["wanted"]) == (3, 3)
    assert (rows["Grid"]["accuracy"]["mean"], rows["Grid"]["tau"]["mean"]) == (81, 0.1)
    assert (rows["GDAS"]["done"], rows["GDAS"]["wanted"], rows["GDAS"]["accuracy"]) == (0, 4, None)


def test_the_page_has_a_section_a_verdict_and_a_picture_for_each(measured, tmp_path):
    folder = tmp_path / "measurements"
    folder.mkdir()
    for name, content in measured.items():
        (folder / name).write_text(json.dumps(content))
    page = claims_page.render(folder, tmp_path / "images")
    assert re.findall(r"^## (C\d+)$", page, re.MULTILINE) == ["C1", "C2", "C3"]
    assert "Of 3 claims, 1 holds here, 1 does not hold here, and 1 cannot be told here." in page
    assert page.index("## C3") < page.index("## Choices of ours") < page.index("## H1")
    assert "Of 1 claim, 1 holds here." in page
    assert page.count("- Machine: ") == 1 and "\nC1, C2, C3, H1:\n" in page
    assert "| GDAS | cifar10 | 0 | 4 | not run | – |" in page
    for path in re.findall(r"\]\((images/\w+\.svg)\)", page):
        assert "<svg" in (tmp_path / path).read_text()
    assert {path.name for path in (tmp_path / "images").iterdir()} == {
        "claims_c1.svg", "claims_c2.svg", "claims_c3.svg", "claims_h1.svg",
        "claims_cifar10_test_1.svg",
    }  # fmt: skip


def test_the_page_says_how_each_claim_was_measured_if_they_differ(measured, tmp_path):
    later = {**measured["claims_c2.json"], "machine": "another machine", "date": "2030-01-01"}
    for name, content in (measured | {"claims_c2.json": later}).items():
        (tmp_path / name).write_text(json.dumps(content))
    page = claims_page.render(tmp_path, tmp_path / "images")
    first, second = page.partition("## How it was measured")[2].split("\nC2:\n")
    assert "\nC1, C3, H1:\n" in first and "another machine" not in first
    assert "- Machine: another machine\n- Date: 2030-01-01" in second


def test_verdicts_are_counted_in_a_sentence():
    counted = claims_page._counted
    assert counted([FAILS, *[OPEN] * 9]) == (
        "Of 10 claims, none holds here, 1 does not hold here, and 9 cannot be told here."
    )
    assert counted([HOLDS, HOLDS, FAILS, FAILS]) == (
        "Of 4 claims, 2 hold here, and 2 do not hold here."
    )
    assert counted([OPEN]) == "Of 1 claim, none holds here, and 1 cannot be told here."


def test_a_replication_in_parts_is_judged_by_all_kept_runs(results, tmp_path):
    """Two machines run two seeds each; the runs of the first are kept and then deleted."""
    job = ReportJob(
        preset="laptop", seeds=(0,), retrain_seeds=(0,), experiments=(EXPERIMENT,), titles={}
    )
    whole = claims.measure(job, results)
    kept, machine = tmp_path / "kept", tmp_path / "machine"
    for seeds in ((0, 1), (2, 3)):
        for seed in seeds:
            for path in results.glob(f"**/seed{seed}"):
                shutil.copytree(path, machine / path.relative_to(results))
        checkpoint = machine / f"nasbench201/cifar10/darts/seed{seeds[0]}/search/supernet.pt"
        checkpoint.write_bytes(b"large")
        report.keep_runs(job, machine, kept)
        shutil.rmtree(machine)
    shutil.copytree(results / "nasbench201/digits", kept / "nasbench201/digits")
    assert claims.measure(job, kept) == whole
    assert {path.name for path in kept.glob("**/*.*")} <= set(runs.FILES)


def test_an_experiment_that_has_not_begun_has_a_page(tmp_path):
    (tmp_path / "laptop").mkdir()
    assert runs.collect(tmp_path / "laptop") == []
    job = ReportJob(
        preset="laptop", seeds=(0,), retrain_seeds=(0,), experiments=(EXPERIMENT,), titles={}
    )
    verdicts = {
        c["verdict"] for c in claims.measure(job, tmp_path / "laptop").values() if "verdict" in c
    }
    assert verdicts == {OPEN}
    with pytest.raises(InputError, match="no measurement of claims"):
        claims_page.render(tmp_path / "laptop", tmp_path / "images")
