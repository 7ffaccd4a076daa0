"""A working tree with an MLflow store of its own, and what a test asks of that store."""

import shutil
from pathlib import Path

import pytest

from pipeline import journal
from tests.tracking.toys import start

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A store made by the recorder where there was none; copied, since making it is slow."""
    folder = tmp_path_factory.mktemp("database")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        assert start(experiment="other")
    return folder / "mlflow.db"


@pytest.fixture
def tree(tmp_path, database, monkeypatch):
    """An empty working tree with a store of its own."""
    shutil.copy(database, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "SHAPLEY_NAS_TRACKING", "SHAPLEY_NAS_CONTROLLER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(journal, "BEGUN_HERE", [])
    return tmp_path


@pytest.fixture
def sent(monkeypatch):
    """Points (metric, step) that this process sends, one list for each request.

    The sqlite store drops a point that equals one it has; other stores keep both.
    """
    from mlflow import MlflowClient

    requests = []
    real = MlflowClient.log_batch

    def log_batch(self, run_id, **values):
        real(self, run_id, **values)
        points = [(metric.key, metric.step) for metric in values.get("metrics", [])]
        requests.extend([points] if points else [])

    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    return requests
