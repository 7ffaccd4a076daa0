"""The address that `compare` prints leads to MLflow's comparison page, which paints."""

import re
from pathlib import Path

import pytest

from pipeline import mirrored
from pipeline.tracking import lookup, store
from pipeline.verbs import record
from tests.browser import chromium
from tests.cluster.test_server import free_port, tracking_server
from tests.tracking.conftest import database, tree
from tests.tracking.toys import STATE, child, finish, start

__all__ = ["database", "tree"]  # fixtures
pytestmark = pytest.mark.cluster


def test_the_comparison_page_paints(tree, monkeypatch, capsys):
    start()
    keys = []
    for seed, error in ((0, 0.125), (1, 0.375)):
        with child(f"toy/seed{seed}", {"epochs": 7 + seed}) as run:
            run.append_metrics({"test_error": error}, 0, "result")
            keys.append(run.key)
    finish("FINISHED", {"table1": [{"row": "DARTS", "n": 1.0}]})
    known = mirrored.runs(STATE)
    ids = [known[key]["run_id"] for key in keys]
    port = free_port()
    (Path.cwd() / "artifacts").mkdir()
    with tracking_server(f"sqlite:///{tree}/mlflow.db", tree / "artifacts", port):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        record.compare.callback(tuple(ids), "text", False)
        (address,) = re.findall(r"MLflow: (\S+)", capsys.readouterr().out)
        table = store.connect().get_experiment_by_name("toy/results/table1")
        listed = f"http://127.0.0.1:{port}/#/experiments/{table.experiment_id}/runs"
        of_study = lookup.runs_address(STATE.parent)
        assert of_study.startswith(f"http://127.0.0.1:{port}/#/experiments/")
        with chromium(tree / "profile") as page:
            page.look(1440)
            page.open(address)
            page.wait_for("final/test_error", "0.125", "0.375", "epochs", "search · toy/seed1")
            page.open(listed)
            page.wait_for("DARTS")
            page.open(of_study)
            page.wait_for("Model training", "results · 20", "3 matching runs")
