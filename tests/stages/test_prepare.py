from __future__ import annotations

import json

import pytest

from pipeline.config.jobs import PrepareJob
from pipeline.errors import InputError
from pipeline.stages import prepare


@pytest.fixture(autouse=True)
def without_tracking(monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")


def job(**values):
    defaults = {"split_seed": 0, "weights_fraction": None, "value_fraction": None, "folders": {}}
    return PrepareJob(**{**defaults, "dataset": "digits", **values})


def test_writes_manifest_split_and_record(tmp_path):
    out = tmp_path / "results" / "digits"
    prepare.run(job(value_fraction=0.25), tmp_path / "data", out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["fractions"] == [0.5, 0.25]
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics == {"n_train": 1437, "n_test": 360, "n_weights": 718, "n_value": 359}
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["data"]["fingerprint"] == manifest["fingerprint"]
    assert (out / "split.npz").exists()


def test_missing_data_leaves_nothing(tmp_path):
    out = tmp_path / "results" / "cifar10"
    with pytest.raises(InputError, match="cifar10: not in"):
        prepare.run(job(dataset="cifar10"), tmp_path / "data", out)
    assert not out.exists()
