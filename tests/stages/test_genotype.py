"""The stage `genotype`: from a strength or a name to files that agree with each other."""

import json

import numpy as np
import pytest
import torch

from pipeline.config.jobs import GenotypeJob
from pipeline.config.recipes import NasBench201Shape, SupernetSettings
from pipeline.errors import InputError
from pipeline.networks import load_model, resolve
from pipeline.spaces.genotype import Genotype
from pipeline.stages import genotype

MANIFEST = {
    "name": "toy",
    "classes": 3,
    "class_names": ["a", "b", "c"],
    "image_size": 8,
    "mean": [0.5] * 3,
    "std": [0.25] * 3,
    "fingerprint": "0" * 64,
}
DARTS_JOB = GenotypeJob(
    space="darts",
    genotype="darts_v2",
    supernet=SupernetSettings(),
    layout="cifar10",
    channels=4,
    cells=3,
    auxiliary=True,
)
NB201_JOB = GenotypeJob(
    space="nasbench201",
    genotype=None,
    supernet=NasBench201Shape(none_may_win=False),
    layout="nasbench201",
    channels=4,
    cells=1,
    auxiliary=False,
)
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
ARCH = (
    "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|"
    "+|avg_pool_3x3~0|nor_conv_3x3~1|skip_connect~2|"
)


@pytest.fixture(autouse=True)
def without_tracking(monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")


def write_strength(path):
    """A strength whose largest entries spell ARCH; `none` is larger still, but may not win."""
    strength = np.zeros((6, 5))
    strength[:, 0] = 9
    names = [edge.split("~")[0] for node in ARCH.split("+") for edge in node.strip("|").split("|")]
    for edge, name in enumerate(names):
        strength[edge, OPERATIONS.index(name)] = 1
    np.savez(path, strength=strength.ravel())
    return path


def test_a_search_becomes_a_genotype(tmp_path):
    out = tmp_path / "results" / "genotype"
    genotype.run(NB201_JOB, 0, MANIFEST, write_strength(tmp_path / "strength.npz"), out)
    assert Genotype.load(out / "genotype.json").to_arch_string() == ARCH
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["arch"] == ARCH and metrics["layout"] == "nasbench201"
    network, meta = load_model(out / "model.pt")
    assert metrics["params"] == sum(p.numel() for p in network.parameters())
    assert network(torch.zeros(1, 3, 8, 8)).shape == (1, 3)
    assert meta["class_names"] == MANIFEST["class_names"]
    assert {path.name for path in out.iterdir()} == {
        "genotype.json",
        "cell.svg",
        "cell.png",
        "model.pt",
        "metrics.json",
        "provenance.json",
    }


def test_a_published_genotype_needs_no_search(tmp_path):
    out = tmp_path / "results" / "genotype"
    genotype.run(DARTS_JOB, 0, MANIFEST, None, out)
    assert Genotype.load(out / "genotype.json") == resolve("darts_v2")
    metrics = json.loads((out / "metrics.json").read_text())
    assert resolve(metrics["arch"]) == resolve("darts_v2")
    assert metrics["auxiliary_params"] > 0
    assert load_model(out / "model.pt")[0].auxiliary is not None


def test_the_seed_decides_the_weights(tmp_path):
    weights = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.rand(1)  # the global random state must not matter
        genotype.run(DARTS_JOB, seed, MANIFEST, None, tmp_path / "results" / name)
        network, _ = load_model(tmp_path / "results" / name / "model.pt")
        weights.append(network.classifier.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_strength_that_does_not_fit_is_named(tmp_path):
    path = tmp_path / "strength.npz"
    out = tmp_path / "results" / "genotype"
    with pytest.raises(InputError, match="neither"):
        genotype.run(NB201_JOB, 0, MANIFEST, None, out)
    with pytest.raises(InputError, match=r"strength.npz: no such file"):
        genotype.run(NB201_JOB, 0, MANIFEST, path, out)
    np.savez(path, strength=np.zeros(7))
    with pytest.raises(InputError, match=r"strength.npz: no strength of space nasbench201"):
        genotype.run(NB201_JOB, 0, MANIFEST, path, out)
    np.savez(path, alpha=np.zeros(30))
    with pytest.raises(InputError, match=r"strength.npz: no numbers 'strength'"):
        genotype.run(NB201_JOB, 0, MANIFEST, path, out)
    path.write_bytes(b"PK broken")
    with pytest.raises(InputError, match=r"strength.npz: damaged"):
        genotype.run(NB201_JOB, 0, MANIFEST, path, out)
    assert not (out / "genotype.json").exists()
