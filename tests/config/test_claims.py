"""The rules of claims: verdicts of intervals, and what a rule may not say."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.config import load
from pipeline.config.claims import FAILS, HOLDS, OPEN, Condition, overall
from pipeline.errors import InputError
from tests.config.test_config import FOLDER, resolve

WORDS = {"says": "x", "strategy": "a", "measure": "query/y"}


@pytest.mark.parametrize(
    ("bound", "interval", "expected"),
    [
        ({"above": 0.2}, (4, 0.21, 0.6), HOLDS),
        ({"above": 0.2}, (4, 0.1, 0.6), OPEN),
        ({"above": 0.2}, (4, -0.3, 0.19), FAILS),
        ({"above": 0.2}, (4, 0.2, 0.6), OPEN),  # the bound itself is on neither side
        ({"below": 70}, (4, 54.3, 54.3), HOLDS),
        ({"below": 70}, (4, 60, 80), OPEN),
        ({"below": 70}, (4, 80, 95), FAILS),
        ({"below": 70}, (3, 54.3, 54.3), OPEN),  # too few seeds
        ({"below": 70, "seeds": 3}, (3, 54.3, 54.3), HOLDS),
        ({"below": 70, "seeds": 3}, (2, None, None), OPEN),
    ],
)
def test_an_interval_on_one_side_decides(bound, interval, expected):
    assert Condition(**WORDS, **bound).verdict(*interval) == expected


@pytest.mark.parametrize(
    ("hits", "values", "expected"),
    [
        (4, [0, 0, 0, 0], HOLDS),
        (4, [0, 0, 0], OPEN),
        (4, [0.6], FAILS),  # one miss refutes "in all four"
        (4, [0, 0, 0, 0.01], FAILS),  # the bound itself is no hit
        (3, [0, 0, 0], HOLDS),  # whatever the fourth gives
        (3, [0, 0, 0.6], OPEN),
        (3, [0.6, 0, 0.6], FAILS),
    ],
)
def test_single_seeds_decide(hits, values, expected):
    condition = Condition(**WORDS, below=0.01, hits=hits)
    assert condition.verdict_of_seeds(values) == expected
    mirrored = Condition(**WORDS, above=-0.01, hits=hits)
    assert mirrored.verdict_of_seeds([-value for value in values]) == expected


@pytest.mark.parametrize("wrong", [{"hits": 5}, {"seeds": 2}, {"seeds": 2, "hits": 3}])
def test_a_rule_needs_enough_seeds(wrong):
    with pytest.raises(ValidationError, match=r"at most seeds|at least 3 seeds"):
        Condition(**WORDS, above=0, **wrong)


def test_a_claim_needs_all_its_conditions():
    assert overall([HOLDS, HOLDS]) == HOLDS
    assert overall([HOLDS, OPEN]) == OPEN
    assert overall([OPEN, FAILS, HOLDS]) == FAILS
    assert overall([]) == OPEN


@pytest.mark.parametrize("wrong", [{}, {"above": 1, "below": 2}, {"above": 1, "order": ("a", "b")}])
def test_a_condition_has_one_bound_and_one_subject(wrong):
    with pytest.raises(ValidationError, match="exactly one of"):
        Condition(**WORDS, **wrong)


def test_a_claim_is_about_rows_of_its_experiment(tmp_path):
    (tmp_path / "presets").mkdir()
    (tmp_path / "experiments").mkdir()
    (tmp_path / "presets" / "demo.yaml").write_text("experiments: [x]\n")
    (tmp_path / "experiments" / "x.yaml").write_text(
        "title: X\n"
        "rows: [{label: R, strategy: random, space: nasbench201, datasets: [digits]}]\n"
        "claims: {C1: {sentence: s, section: '1', here: h, differs: d, conditions: ["
        "{says: s, strategy: darts, measure: query/digits_test, above: 0}]}}\n"
    )
    config = load.resolve({}, tmp_path)
    with pytest.raises(InputError, match=r"x\.yaml: claims: C1: a strategy of the rows: .*'darts'"):
        load.experiments(config, tmp_path)


def test_every_claim_of_the_paper_has_a_rule_that_decides():
    claims = load.experiments(resolve(preset="laptop"), FOLDER)["claims"].claims
    assert [*claims] == [f"C{n}" for n in range(1, 11)]
    assert all(any(one.decides for one in claim.conditions) for claim in claims.values())


@pytest.mark.parametrize("name", ["claims", "held_out"])
def test_what_decides_is_planned(name):
    config = resolve(preset="laptop")
    experiment = load.experiments(config, FOLDER)[name]
    planned = {
        (row.strategy, dataset): row
        for row in experiment.rows
        for dataset in row.datasets
        if not row.not_run
    }
    for claim in experiment.claims.values():
        for condition in filter(lambda one: one.decides, claim.conditions):
            for label in condition.labels:
                row = planned[label, condition.dataset]
                stage = condition.measure.partition("/")[0]
                n_seeds = row.repeats or len(row.own_seeds(config.seeds))
                assert n_seeds >= condition.seeds, condition.says
                assert stage in ("search", "query") or getattr(row, stage), condition.says
