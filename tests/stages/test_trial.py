"""A trial sees training images only, and of several found cells the best of them is kept."""

from __future__ import annotations

import json

import pytest

from pipeline import files
from pipeline.config.jobs import GenotypeJob, PrepareJob, TrialJob
from pipeline.config.recipes import SupernetSettings, TrialTrain
from pipeline.errors import InputError
from pipeline.networks import resolve
from pipeline.networks.layouts import LAYOUTS
from pipeline.stages import genotype, prepare, task, trial
from pipeline.stages import retrain as training
from tests.stages.test_retrain import ARCH

RECIPE = TrialTrain(
    channels=4, cells=3, epochs=1, batch_size=32, limit_train=160, crop_padding=1, cutout=2
)


@pytest.fixture(autouse=True)
def without_tracking(monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")


@pytest.fixture
def manifest(tmp_path):
    job = PrepareJob(
        dataset="digits", split_seed=0, weights_fraction=None, value_fraction=None, folders={}
    )
    prepare.run(job, tmp_path / "data", tmp_path / "results" / "digits")
    return files.read_json(tmp_path / "results" / "digits" / "manifest.json")


def test_no_test_image_is_opened(tmp_path, manifest, monkeypatch):
    opened = []
    original = task.open_images
    monkeypatch.setattr(
        task,
        "open_images",
        lambda m, r, part, **k: opened.append(part) or original(m, r, part, **k),
    )
    out = tmp_path / "results" / "trial"
    job = TrialJob(layout="cifar10", train=RECIPE)
    trial.run(job, 0, "darts_v2", manifest, tmp_path / "data", out, "cpu")
    metrics = json.loads((out / "metrics.json").read_text())
    assert opened == ["train"]
    assert 0 <= metrics["held_out_error"] <= 1
    assert "test_error" not in metrics


def test_its_network_is_within_the_budget(tmp_path, manifest, monkeypatch):
    built = []
    original = training.Trainer
    monkeypatch.setattr(
        training,
        "Trainer",
        lambda network, *a, **k: built.append(network) or original(network, *a, **k),
    )
    given = RECIPE.model_copy(update={"channels": 8, "max_params": 4_000})
    job = TrialJob(layout="cifar10", train=given)
    out = tmp_path / "results" / "trial"
    trial.run(job, 0, "darts_v2", manifest, tmp_path / "data", out, "cpu")
    (network,) = built
    n_params = sum(parameter.numel() for parameter in network.parameters())
    assert n_params <= 4_000 and network.channels < given.channels


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_a_trial_and_a_budget(tmp_path, manifest, layout):
    given = RECIPE.model_copy(update={"cells": 1} if layout == "nasbench201" else {})
    cell = ARCH if layout == "nasbench201" else "darts_v2"
    place = (0, cell, {**manifest, "image_size": 64}, tmp_path, "cpu")
    found = task.Task.from_job(TrialJob(layout=layout, train=given), *place)
    assert found.network().channels == given.channels
    small = given.model_copy(update={"max_macs": 1})
    with pytest.raises(InputError, match=r"retrain\.trial: max_macs 1, .*smallest network"):
        task.Task.from_job(TrialJob(layout=layout, train=small), *place)


def test_the_cell_with_the_lowest_held_out_error_is_kept(tmp_path, manifest):
    trials = []
    for seed, (name, error) in enumerate([("darts_v1", 0.3), ("p_darts", 0.1), ("darts_v2", 0.2)]):
        base = tmp_path / "s1" / f"seed{seed}"
        files.write_json(base / "trial" / "metrics.json", {"held_out_error": error})
        (base / "genotype").mkdir(parents=True)
        resolve(name).save(base / "genotype" / "genotype.json")
        trials.append(base / "trial" / "metrics.json")
    job = GenotypeJob(
        space="darts", genotype=None, supernet=SupernetSettings(), layout="cifar10",
        channels=4, cells=3, auxiliary=False,
    )  # fmt: skip
    out = tmp_path / "results" / "kept"
    genotype.run(job, 0, manifest, None, out, trials)
    assert json.loads((out / "metrics.json").read_text())["kept"] == "seed1"
    assert genotype.Genotype.load(out / "genotype.json") == resolve("p_darts")
