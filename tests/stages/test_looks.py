"""The stages behind Figures 2 and 5, and many table searches in one, on digits and toy tables."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from pipeline import registry
from pipeline.config.jobs import PrepareJob, RankingJob, RemovalJob, SearchJob
from pipeline.config.looks import RankingSettings, RemovalSettings
from pipeline.config.recipes import NasBench201Search, SupernetSettings
from pipeline.errors import InputError
from pipeline.nasbench import Table, cells
from pipeline.nasbench.table import CODE
from pipeline.stages import prepare, queries, ranking, removal, search
from tests.nasbench.toys import digits_frame, toy_frame, write_toy_table

SMALL = NasBench201Search(
    epochs=2, warmup_epochs=1, limit_train=128, supernet={"channels": 4, "cells": 1}
)


@pytest.fixture(autouse=True)
def without_tracking(monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search by DARTS on digits: its folder, the manifest, and the folder of the split."""
    root = tmp_path_factory.mktemp("searched")
    job = PrepareJob(
        dataset="digits", split_seed=0, weights_fraction=None, value_fraction=None, folders={}
    )
    prepare.run(job, root / "data", root / "results" / "digits")
    manifest = json.loads((root / "results" / "digits" / "manifest.json").read_text())
    split = root / "results" / "digits" / "split.npz"
    own = SearchJob(space="nasbench201", algorithm="darts", settings={}, search=SMALL)
    search.run(own, 0, manifest, split, root / "data", root / "results" / "search", "cpu")
    return root / "results" / "search", manifest, split


def removed(searched, out, **settings):
    folder, manifest, split = searched
    job = RemovalJob(removal=RemovalSettings(**settings))
    removal.run(job, 0, folder / "supernet.pt", manifest, split, split.parent, out, "cpu")
    with (out / "drops.csv").open() as stream:
        return json.loads((out / "metrics.json").read_text()), [*csv.DictReader(stream)]


def test_drops_of_two_edges(searched, tmp_path):
    metrics, rows = removed(searched, tmp_path / "r" / "removal")
    assert len(rows) == 8 + 28  # operations but `none`, and their pairs
    assert metrics["evaluations"] == 1 + 36
    assert metrics["images"] > 500  # all of the half
    across = [abs(float(r["interaction"])) for r in rows[8:] if r["first_edge"] != r["second_edge"]]
    assert len(across) == 16 and metrics["largest_interaction"] == pytest.approx(max(across))
    alone = {(r["first_edge"], r["first_operation"]): float(r["drop"]) for r in rows[:8]}
    assert {edge for edge, _ in alone} == {"3", "4"} and not any("none" in o for _, o in alone)
    for row in rows[8:]:
        both = [alone[row[f"{who}_edge"], row[f"{who}_operation"]] for who in ("first", "second")]
        expected = float(row["drop"]) - sum(both)
        assert float(row["interaction"]) == pytest.approx(expected, abs=1e-12)


def test_a_drop_is_the_value_functions(searched, tmp_path):
    """Against a forward pass written out: the last edge's conv_3x3 weighs nothing."""
    from pipeline.data import open_images
    from pipeline.supernet import evaluation_mode, mixture, saved

    metrics, rows = removed(searched, tmp_path / "r" / "removal", edges=(5,), batch_size=10_000)
    folder, manifest, split = searched
    supernet, alpha = saved.load(folder / "supernet.pt")
    images, labels = next(iter(open_images(manifest, split.parent, "value", split).batches(10_000)))
    weights = mixture(supernet.space, torch.from_numpy(alpha).float())
    accuracies = []
    for without in ((), (28,)):  # edge 5, nor_conv_3x3
        own = weights.clone()
        own[list(without)] = 0
        with torch.no_grad(), evaluation_mode(supernet, "batch"):
            accuracies.append((supernet(images, own).argmax(1) == labels).double().mean().item())
    assert metrics["value_full"] == pytest.approx(accuracies[0], abs=2e-3)
    (row,) = (r for r in rows[:4] if r["first_operation"] == "nor_conv_3x3")
    assert float(row["drop"]) == pytest.approx(accuracies[0] - accuracies[1], abs=4e-3)


def test_bad_edges_and_supernets_are_one_line(searched, tmp_path):
    with pytest.raises(InputError, match=r"removal.edges: \[9\]; the cell has edges 0..5"):
        removed(searched, tmp_path / "r" / "removal", edges=(9,))
    _, manifest, split = searched
    job = RemovalJob(removal=RemovalSettings())
    with pytest.raises(InputError, match="no such file"):
        removal.run(job, 0, tmp_path / "x.pt", manifest, split, tmp_path, tmp_path / "r" / "o")


def ranked(tmp_path, alpha, dataset="digits", **settings):
    np.savez(tmp_path / "strength.npz", strength=alpha)
    table = write_toy_table(tmp_path / "table.csv", digits_frame())
    job = RankingJob(ranking=RankingSettings(**{"bootstrap": 20, **settings}))
    out = tmp_path / "results" / "ranking"
    ranking.run(job, tmp_path / "strength.npz", dataset, table, out)
    with (out / "sample.csv").open() as stream:
        return json.loads((out / "metrics.json").read_text()), [*csv.DictReader(stream)], table


def test_taus_are_scipys(tmp_path):
    alpha = np.random.default_rng(0).normal(size=30)
    metrics, sample, path = ranked(tmp_path, alpha)
    table = Table.load(path)
    weights = np.exp(alpha.reshape(6, 5))
    weights /= weights.sum(axis=1, keepdims=True)
    strength = weights[np.arange(6), table.rows[CODE]].mean(axis=1)
    accuracy = table.column("digits_test")
    assert metrics["tau_all"] == pytest.approx(kendalltau(strength, accuracy).statistic)
    drawn = [int(row["index"]) for row in sample]
    assert len(set(drawn)) == 200
    tau = kendalltau(strength[drawn], accuracy[drawn]).statistic
    assert metrics["tau_sample"] == pytest.approx(tau)
    assert metrics["tau_sample_low"] < metrics["tau_sample"] < metrics["tau_sample_high"]
    assert float(sample[3]["strength"]) == pytest.approx(strength[drawn[3]])
    # The toy's accuracy is its number in a base: edges add up, the first weighs most.
    assert metrics["main_effects_all"] == pytest.approx(1)


def test_the_draw_is_the_same_for_all_searches(tmp_path):
    rng = np.random.default_rng(1)
    first, second = (ranked(tmp_path, rng.normal(size=30))[1] for _ in range(2))
    assert [row["index"] for row in first] == [row["index"] for row in second]
    other = ranked(tmp_path, rng.normal(size=30), sample_seed=1)[1]
    assert [row["index"] for row in first] != [row["index"] for row in other]


def test_what_cannot_be_ranked_is_said(tmp_path):
    job = RankingJob(ranking=RankingSettings())
    with pytest.raises(InputError, match="ranking: the NAS-Bench-201 table is missing"):
        ranking.run(job, tmp_path / "strength.npz", "cifar10", None, tmp_path / "r" / "o")
    with pytest.raises(InputError, match="24 players"):
        ranked(tmp_path, np.zeros(24))
    with pytest.raises(InputError, match="no column 'svhn_test'"):
        ranked(tmp_path, np.zeros(30), "svhn")


def test_many_seeds_are_each_the_search_of_that_seed(tmp_path):
    frame = toy_frame()
    frame["cifar10_valid_12ep"] = frame["cifar10_valid"]
    path = write_toy_table(tmp_path / "table.csv", frame)
    settings = {"evaluations": 20}
    job = SearchJob(
        space="nasbench201", algorithm="evolution", settings=settings, search=SMALL, table="t"
    )
    out = tmp_path / "results" / "seeds6" / "queries"
    queries.run(job, 6, "cifar10", path, out)
    with (out / "history.csv").open() as stream:
        rows = [*csv.DictReader(stream)]
    assert [row["seed"] for row in rows] == [*"012345"]
    table = Table.load(path)
    assert float(rows[4]["cifar10_test"]) == table.row(int(rows[4]["index"]))["cifar10_test"]
    assert int(rows[4]["rank_cifar10_test"]) == table.rank("cifar10_test", int(rows[4]["index"]))
    alone = queries.search(job, 4, "cifar10", table)
    assert alone["index"] == int(rows[4]["index"])
    metrics = json.loads((out / "metrics.json").read_text())
    values = [float(row["cifar10_valid"]) for row in rows]
    assert metrics["cifar10_valid_mean"] == pytest.approx(np.mean(values))
    assert metrics["cifar10_valid_std"] == pytest.approx(np.std(values, ddof=1))


def test_an_epoch_is_what_a_search_of_that_length_would_return(searched, tmp_path):
    """The second epoch is the search's own result; before it the cell of the first."""
    folder, _, _ = searched
    table = write_toy_table(tmp_path / "table.csv", digits_frame())
    out = tmp_path / "results" / "ranking"
    job = RankingJob(ranking=RankingSettings(bootstrap=2))
    ranking.run(job, folder / "strength.npz", "digits", table, out)
    with (out / "history.csv").open() as stream:
        rows = [*csv.DictReader(stream)]
    saved, known = np.load(folder / "strength.npz"), Table.load(table)
    assert np.array_equal(saved["strength_history"], saved["alpha_history"])
    space = registry.get("spaces", "nasbench201")(SupernetSettings(include_none=True))
    for row, strength in zip(rows, saved["strength_history"], strict=True):
        arch = space.genotype_from(strength).to_arch_string()
        assert int(row["index"]) == known.index_of(arch)
        assert float(row["digits_test"]) == known.column("digits_test")[known.index_of(arch)]
    metrics = json.loads((out / "metrics.json").read_text())
    assert float(rows[-1]["tau_digits_test"]) == metrics["tau_all"] == metrics["tau_digits_test"]


def test_changes_and_ends_are_over_the_epochs_that_moved():
    cells_found = [7, 7, 3, 3, 9]
    rows = [
        {"epoch": e, "moved": int(e > 0), "index": i, "d_test": float(i), "tau_d_test": e / 10}
        for e, i in enumerate(cells_found)
    ]
    found = ranking.over_epochs(rows)
    expected = {"tau_d_test": 0.4, "changes": 2, "lowest_d_test": 3.0, "highest_d_test": 9.0}
    assert found == expected
    assert ranking.over_epochs(rows[:1])["lowest_d_test"] == 7.0  # never moved: what it ends with


def test_values_add_up_over_the_epochs_that_have_them():
    phi = np.array([[np.nan, np.nan], [0.1, 0.2], [0.3, np.nan]])
    assert ranking.phi_sum({"phi_history": phi}) == {"phi_sum": pytest.approx(0.3)}
    assert ranking.phi_sum({"strength": phi}) == {}


def test_many_seeds_of_a_trained_search_resume_and_equal_it(searched, tmp_path, monkeypatch):
    folder, manifest, split = searched
    table = write_toy_table(tmp_path / "table.csv", digits_frame())
    job = SearchJob(space="nasbench201", algorithm="darts", settings={}, search=SMALL)
    out = tmp_path / "results" / "seeds2" / "queries"
    one_after_the_other = queries.search
    given = (job, 2, "digits", table, out, manifest, split, split.parent, "cpu")

    def killed(job, seed, *rest):
        if seed == 1:
            raise RuntimeError("killed")
        return one_after_the_other(job, seed, *rest)

    monkeypatch.setattr(queries, "search", killed)
    with pytest.raises(RuntimeError, match="killed"):
        queries.run(*given)
    done = []
    monkeypatch.setattr(
        queries,
        "search",
        lambda job, seed, *rest: done.append(seed) or one_after_the_other(job, seed, *rest),
    )
    queries.run(*given)
    assert done == [1]
    with (out / "history.csv").open() as stream:
        rows = [*csv.DictReader(stream)]
    ends = np.load(folder / "strength.npz")["strength"]
    space = registry.get("spaces", "nasbench201")(SupernetSettings(include_none=True))
    arch = space.genotype_from(ends, SMALL.supernet.none_may_win).to_arch_string()
    assert int(rows[0]["index"]) == Table.load(table).index_of(arch)
    assert int(rows[0]["changes"]) == 0  # alpha moves in one of the two epochs


def test_many_seeds_need_a_table_and_images_to_train_on(tmp_path):
    job = SearchJob(space="nasbench201", algorithm="random", settings={}, search=SMALL)
    with pytest.raises(InputError, match="queries: the NAS-Bench-201 table is missing"):
        queries.run(job, 2, "cifar10", None, tmp_path / "r" / "o")
    trained = job.model_copy(update={"algorithm": "darts"})
    path = write_toy_table(tmp_path / "table.csv")
    with pytest.raises(InputError, match="darts trains a supernet; give --manifest"):
        queries.run(trained, 2, "cifar10", path, tmp_path / "r" / "o")
    queries.run(job, 40, "cifar10", path, tmp_path / "r" / "uniform")
    with (tmp_path / "r" / "uniform" / "history.csv").open() as stream:
        archs = [Table.load(path).arch(int(row["index"])) for row in csv.DictReader(stream)]
    assert len(set(archs)) > 30 and any("none" in arch for arch in archs)  # as the benchmark draws
    assert all(cells.parse(arch) for arch in archs)
