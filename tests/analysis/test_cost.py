"""Predicted hours against printed and measured ones."""

from pathlib import Path

import pytest

from pipeline import files
from pipeline.analysis import cost, cost_page, work
from pipeline.config import load
from pipeline.paths import Place

ROOT = Path(__file__).parents[2]
# GPU days that papers print for other searches on CIFAR-10 in the DARTS space; no rate is fitted to
# them.
HELD_OUT = {"p_darts": 0.3, "sgas": 0.25, "sdarts_rs": 0.4, "drnas": 0.4}
# Minutes of one core, whole searches of the preset `laptop`.
MEASURED = {"darts": 18, "shapley": 24}


@pytest.fixture(scope="module")
def paper():
    config = load.resolve({"preset": "paper"}, ROOT / "config")
    return load.with_labels(config, load.experiments(config, ROOT / "config"))


def test_the_page_is_what_the_code_renders():
    page = (ROOT / "docs" / "cost.md").read_text()
    assert page == cost_page.render(ROOT / "config"), "run `python -m pipeline cost`"


@pytest.mark.parametrize("name", cost_page.RUNS)
def test_hours_of_a_v100_are_within_a_factor_of_two_of_printed_ones(name, paper):
    assert cost_page.factor(paper, *cost_page.RUNS[name]) < 2


@pytest.mark.parametrize("strategy", HELD_OUT)
def test_hours_of_runs_that_no_rate_is_fitted_to(strategy, paper):
    place = Place("search", "darts", "cifar10", strategy, 0)
    assert cost_page.factor(paper, place, 24 * HELD_OUT[strategy]) < 2


@pytest.mark.parametrize("strategy", MEASURED)
def test_our_own_searches_on_one_core(strategy):
    config = load.resolve({"preset": "laptop"}, ROOT / "config")
    found = work.of_run(config, Place("search", "nasbench201", "cifar10", strategy, 0))
    assert 0.5 < 60 * cost.hours(found, cost.CORE) / MEASURED[strategy] < 2


def test_rates_of_runs_count_what_is_counted_now(paper):
    """`operations` of the published runs, so that a new way of counting changes both sides."""
    for row in files.read_json(cost.RATES):
        stage, *names = row["run"].split("/")
        if stage in ("search", "retrain"):
            space, dataset, strategy = names[:3]
            target = names[3] if stage == "retrain" else None
            place = Place(stage, space, dataset, strategy, 0, target=target)
            assert work.of_run(paper, place).operations == pytest.approx(
                row["operations"], rel=0.01
            )


def test_a_newer_gpu_is_no_slower_and_no_faster_than_its_memory():
    one = work.Work(1e17, 0, "darts")
    fewest, most = cost.hours_on(one, cost.GPUS[0])
    assert most == cost.hours(one, "V100")
    assert most / fewest == pytest.approx(2.04 / 0.9)
