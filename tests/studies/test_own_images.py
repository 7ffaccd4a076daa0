"""The study of the recipe for your own images, with tiny sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline import paths
from pipeline.analysis import results_page
from pipeline.config import studies
from pipeline.config.layers import FOLDER
from pipeline.errors import InputError
from pipeline.files import read_json, write_json
from pipeline.stages import measuring, prepare, retrain

CONFIG = Path(__file__).parents[2] / FOLDER


def run_of(study, results, network, seed) -> Path:
    return results / study.folder(paths.NETWORK, folder="digits_100", network=network, rseed=seed)


@pytest.fixture(scope="module")
def study():
    return studies.load("own_images", "demo", CONFIG)


@pytest.fixture(scope="module")
def trained(study, tmp_path_factory):
    """`results/{preset}` after one training of two networks, as the rules make them."""
    root = tmp_path_factory.mktemp("own_images")
    results = root / "results"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHAPLEY_NAS_TRACKING", "false")
        (root / "raw").mkdir()
        data = results / study.folder(paths.STUDY_FOLDER, folder="digits_100")
        prepare.run(studies.folder_job(study, "digits_100"), root / "raw", data)
        manifest = read_json(data / "manifest.json")
        for network in ("before", "resnet18"):
            job = studies.network_job(study, "digits_100", network)
            place = (manifest, root / "raw", run_of(study, results, network, 1), "cpu")
            retrain.run("transfer", job, 1, study.transfers.genotype, *place)
    torch.set_num_threads(threads)
    return results


def test_what_has_finished_is_measured_and_the_rest_is_not_run(study, trained, tmp_path):
    measuring.run_summary(studies.summary_job(study, "demo"), trained, None, tmp_path / "summary")
    measurement = read_json(tmp_path / "summary" / "measurements" / "own_images.json")
    before, recipe, resnet18 = measurement["rows"]
    for row, network in ((before, "before"), (resnet18, "resnet18")):
        metrics = read_json(run_of(study, trained, network, 1) / "metrics.json")
        assert row["accuracy"]["mean"] == pytest.approx(100 * metrics["test_accuracy"], abs=1e-3)
        assert (row["accuracy"]["n"], row["n"], row["wanted"]) == (1, 1, 2)
        assert {key: row[key] for key in ("params", "macs", "epochs")}.items() <= metrics.items()
    assert resnet18["params"] == 11_181_642  # torchvision's ResNet-18 with ten classes
    assert (recipe["accuracy"], recipe["n"], recipe["wanted"]) == ("not run", 0, 2)
    assert measurement["seeds"] == [1]
    (page,) = results_page.render({"own_images": measurement}).values()
    assert "snakemake --cores all own_images --config preset=demo" in page
    assert "| the recipe, its network | not run | 0 | 2 | – |" in page


def test_rows_are_over_the_seeds_that_finished(study, tmp_path):
    for seed, accuracy in enumerate((0.5, 0.7)):
        content = {
            "test_accuracy": accuracy, "majority_accuracy": 0.1, "params": 5, "macs": 6, "epochs": 7
        }  # fmt: skip
        run = run_of(study, tmp_path, "recipe", seed)
        write_json(run / "metrics.json", content)
        write_json(run / "provenance.json", {"seed": seed, "git_commit": "c"})
    ((_, measurement),) = measuring.summary.measurements(
        studies.summary_job(study, "demo"), tmp_path, None
    )
    _, row, _ = measurement["rows"]
    assert (row["accuracy"]["mean"], row["majority"], row["n"]) == (60, 10, 2)
    assert measurement["seeds"] == [0, 1]


def test_the_sizes_are_those_of_the_measurement():
    """27 trainings; each network has the layout and the recipe that its title says."""
    study = studies.load("own_images", "laptop", CONFIG)
    assert len([*study.folders()]) == 27
    jobs = {
        (folder, network): studies.network_job(study, folder, network)
        for folder in study.transfers.folders
        for network in study.transfers.networks
    }
    layouts = {folder: jobs[folder, "recipe"].layout for folder in study.transfers.folders}
    assert layouts == {
        "imagenette_64": "images64", "cifar10_1000": "cifar10", "imagenette_224": "imagenet"
    }  # fmt: skip
    recipes = {network: jobs["imagenette_64", network].train for _, network in jobs}
    assert recipes["resnet18"].model_copy(
        update={key: getattr(recipes["recipe"], key) for key in ("channels", "cells", "max_macs")}
    ) == recipes["recipe"]  # fmt: skip
    sizes = {f: (jobs[f, "before"].train.channels, jobs[f, "before"].train.cells) for f in layouts}
    assert sizes == {
        "imagenette_64": (12, 4), "cifar10_1000": (16, 5), "imagenette_224": (16, 5)
    }  # fmt: skip


def test_a_misspelt_name_says_what_there_is(study, tmp_path):
    with pytest.raises(InputError, match="no folder 'digits'; did you mean 'digits_100'"):
        studies.network_job(study, "digits", "recipe")
    with pytest.raises(InputError, match="no network 'recipes'; did you mean 'recipe'"):
        studies.network_job(study, "digits_100", "recipes")
    path = tmp_path / "studies" / "own_images.yaml"
    path.parent.mkdir()
    text = (CONFIG / "studies" / "own_images.yaml").read_text()
    path.write_text(text.replace("{imagenette_64: {channels", "{imagenette_46: {channels"))
    with pytest.raises(InputError, match=r"by_folder: no folder 'imagenette_46'; did you mean"):
        studies.load("own_images", "", tmp_path)
