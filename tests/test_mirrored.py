import pytest

from pipeline import mirrored
from pipeline.paths import STATE

RUN = "darts/digits/darts/seed0/search"


def test_the_last_whole_line_of_a_run_counts(tmp_path):
    (tmp_path / mirrored.NAME).write_text(
        '{"key": "k", "run_id": "r", "experiment_id": "1", "status": "RUNNING"}\n'
        '{"key": "k", "run_id": "r", "experiment_id": "1", "status": "FINISHED"}\n{"key": "k'
    )
    assert [run["status"] for run in mirrored.runs(tmp_path).values()] == ["FINISHED"]
    assert mirrored.runs(tmp_path / "nowhere") == {}


def test_a_run_has_the_ids_of_its_key(tmp_path):
    (tmp_path / STATE).mkdir()
    line = '{"key": "k", "run_id": "r", "experiment_id": "1", "status": "FINISHED"}\n'
    (tmp_path / STATE / mirrored.NAME).write_text(line)
    found = mirrored.ids(tmp_path / RUN, {"run_key": "k", "run": RUN})
    assert found == {"mlflow_run_id": "r", "mlflow_experiment_id": "1"}
    assert mirrored.ids(tmp_path / RUN, {"run_key": "other", "run": RUN}) == {}
    assert mirrored.ids(tmp_path / RUN, found) == found, "an earlier version wrote them here"


@pytest.mark.parametrize(
    ("uri", "served", "address"),
    [
        ("https://host/mlflow/", True, "https://host/mlflow"),
        ("sqlite:///mlflow.db", False, mirrored.UI),
        ("", False, mirrored.UI),
    ],
)
def test_the_page_of_a_server_is_its_own(monkeypatch, uri, served, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert (mirrored.is_served(), mirrored.web_address()) == (served, address)
