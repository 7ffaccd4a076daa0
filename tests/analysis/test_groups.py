import numpy as np
import pytest

from pipeline.analysis import runs
from pipeline.analysis.groups import groups
from tests.analysis.toys import EPOCHS, TITLES, write_seed


@pytest.fixture(scope="module")
def by_name(toy_results):
    found = groups(toy_results, runs.collect(toy_results), TITLES)
    return {(group.space, group.dataset): group for group in found}


def test_alpha_of_every_strategy_that_has_one(by_name):
    darts, benchmark = by_name["darts", "digits"], by_name["nasbench201", "digits"]
    assert [alpha.strategy for alpha in darts.alphas] == ["Shapley-NAS"]
    assert [alpha.strategy for alpha in benchmark.alphas] == ["DARTS", "Shapley-NAS"]
    # Normal and reduction cell; one cell type.
    assert [len(alpha.first_edges) for alpha in darts.alphas] == [2]
    assert [len(alpha.first_edges) for alpha in benchmark.alphas] == [1, 1]
    assert (len(darts.alphas[0].operations), len(benchmark.alphas[0].operations)) == (7, 5)


def test_alpha_on_the_first_edge_is_that_of_the_first_players(tmp_path):
    write_seed(tmp_path, "nasbench201", "shapley", 0)
    path = tmp_path / "nasbench201/digits/shapley/seed0/search/strength.npz"
    with np.load(path) as saved:
        last = saved["alpha_history"][-1]
    (group,) = groups(tmp_path, runs.collect(tmp_path), TITLES)
    operations = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    said = group.alphas[0].first_edges[0].description
    for operation, value in zip(operations, last[:5], strict=True):
        assert f"{operation} {value:.3g}" in said


def test_history_of_another_space_is_not_drawn(tmp_path):
    write_seed(tmp_path, "nasbench201", "shapley", 0)
    path = tmp_path / "nasbench201/digits/shapley/seed0/search/strength.npz"
    np.savez(path, strength=np.zeros(24), alpha_history=np.zeros((EPOCHS, 24)))
    (group,) = groups(tmp_path, runs.collect(tmp_path), TITLES)
    assert group.alphas == []


def test_strategies_keep_their_index_through_all_figures(by_name):
    group = by_name["nasbench201", "digits"]
    assert group.strategies == {"DARTS": 0, "Random": 1, "Shapley-NAS": 2}
    loss = next(f for f in group.searches if "loss" in f.caption)
    # Random search trains nothing: no curve of its colour.
    assert "#d55e00" not in loss.svg
    assert "#009e73" in loss.svg
    assert list(group.trainings) == ["digits"]
