"""A data set given by `--configfile` reaches every job, and jobs read nothing but their slices."""

from __future__ import annotations

import copy
import time

import pytest

from tests.data.stand_ins import image_folder
from tests.workflow.conftest import SETTINGS

pytestmark = pytest.mark.workflow


def test_an_edit_of_the_configuration_harms_no_running_workflow(copy_checkout):
    checkout = copy_checkout()
    image_folder(checkout.folder / "data" / "mine", ("cat", "dog"), (40, 36), n=8)
    settings = copy.deepcopy(SETTINGS)
    settings["datasets"] = {"mine": {"path": "mine", "image_size": 32}}
    settings["retrain"]["folder"] |= {"limit_train": 8, "cells": 3, "workers": 0}
    checkout.set(settings)
    target = "darts/mine/random/seed0/retrain/mine/rseed0/metrics.json"
    process = checkout.start(f"results/demo/{target}")
    manifest = checkout.path("data/mine/manifest.json")
    while not manifest.exists() and process.poll() is None:
        time.sleep(0.1)
    (checkout.folder / "config" / "config.yaml").write_text("preset: [broken\n")
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert checkout.path(target).exists()
    assert {run["status"] for run in checkout.store()} == {"FINISHED"}
