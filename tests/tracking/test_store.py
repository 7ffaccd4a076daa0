"""The store's client, the bound on what it may take, and what an error says."""

import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.tracking import recorder, store
from tests.tracking.toys import begin, report

FOLDERS = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
NASTY = "why?x=1 #a%20b%2Fc&d;'e\"{f}~$HOME\\ü\n:g"
WORKFLOW = """
from pathlib import Path
from tests.tracking.toys import begin, child, mirror, report
begin()
Path("results/cell.svg").write_text("<svg/>")
with child() as run:
    run.append_metrics({"loss": 1.0}, 0)
    run.append_artifact("results/cell.svg")
mirror()
"""


def test_a_block_is_bounded_also_where_a_library_would_try_again():
    began = time.monotonic()
    with pytest.raises(TimeoutError), store.time_limit(0.2):
        for _ in range(3):
            try:
                time.sleep(60)
            except Exception:
                continue
    assert time.monotonic() - began < 30
    with pytest.raises(KeyError), store.time_limit(60):
        {}["missing"]
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_errors_of_the_run_are_told_from_those_of_the_moment():
    from mlflow.exceptions import MlflowException
    from mlflow.protos import databricks_pb2 as codes

    for_good = (codes.INVALID_PARAMETER_VALUE, codes.RESOURCE_DOES_NOT_EXIST)
    for_now = (codes.INTERNAL_ERROR, codes.TEMPORARILY_UNAVAILABLE, codes.PERMISSION_DENIED)
    assert all(store.refusal(MlflowException("no", code)) for code in for_good)
    assert not any(store.refusal(MlflowException("no", code)) for code in for_now)
    assert store.refusal(ConnectionError("gone")) is None
    assert store.refusal(store.RefusedError("restore it")) == "restore it"


def test_secrets_of_an_address_are_not_told(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    error = ConnectionError("https://anna:geheim@mlflow.example/api refused Bearer t0ken\nmore")
    line = store.first_line(error)
    assert "geheim" not in line and "anna" not in line and "t0ken" not in line
    assert "https://***@mlflow.example/api" in line and "more" not in line


def test_telemetry_is_off_whatever_the_environment_says(tree, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    store.connect()
    assert os.environ["DO_NOT_TRACK"] == os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


@settings(deadline=None)  # the first one imports mlflow
@given(FOLDERS)
def test_the_store_stays_inside_a_folder_of_any_name(name):
    """By SQLAlchemy's reading of the database's address, and MLflow's of an artifact's."""
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import append_to_uri_path
    from sqlalchemy.engine import make_url

    folder = Path("/tree", name)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(Path, "absolute", lambda path: folder / path)
        opened = make_url(store.store_uri()).database
        assert folder / opened == folder / "mlflow.db"
        kept = append_to_uri_path(store.artifact_location(), "run", "artifacts")
        assert Path(local_file_uri_to_path(kept)).parents[2] == folder / "mlruns"


def test_a_tree_below_a_nasty_name_keeps_database_and_artifacts(tree):
    folder = tree / NASTY
    folder.mkdir()
    shutil.move("mlflow.db", folder)
    before = sorted(tree.iterdir())
    subprocess.run([sys.executable, "-c", WORKFLOW], cwd=folder, check=True)
    assert sorted(tree.iterdir()) == before
    assert {path.name for path in folder.iterdir()} == {"mlflow.db", "mlruns", "results"}
    (sent,) = (folder / "mlruns").rglob("cell.svg")
    with sqlite3.connect(folder / "mlflow.db") as connection:
        (count,) = connection.execute("select count(*) from runs where name = 'search · toy'")
    assert count == (1,) and sent.read_text() == "<svg/>"


def garbage(file):
    file.write_bytes(b"no database" * 100)


def folder(file):
    file.unlink()
    file.mkdir()


def from_a_newer_mlflow(file):
    with sqlite3.connect(file) as connection:
        connection.execute("update alembic_version set version_num = 'ffffffffffff'")


def cut(file):
    file.write_bytes(file.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("harm", "seconds"),
    # MLflow itself would try a folder again for minutes; migrating is asked of another process.
    [(garbage, 60), (folder, 60), (from_a_newer_mlflow, math.inf), (cut, math.inf)],
)
def test_a_database_that_cannot_be_used_is_named_with_its_remedy(harm, seconds, tree, warned):
    begin()
    report()
    harm(tree / "mlflow.db")
    began = time.monotonic()
    with pytest.raises(InputError, match=r"mlflow\.db.*MLFLOW_TRACKING_URI name another store"):
        recorder.sync(Path("results"))
    assert recorder.mirror_or_warn(recorder.Recorder(Path("results/state")), None)
    (told,) = warned()
    assert "mlflow.db" in told and recorder.LATER in told
    assert time.monotonic() - began < seconds


def test_a_database_that_becomes_read_only_is_named_once_and_goes_on_later(
    tree, monkeypatch, warned
):
    from mlflow.exceptions import MlflowException

    begin()
    mirrors = recorder.Recorder(Path("results/state"))
    assert mirrors.mirror_all() == 1
    report()
    report(name="other")

    def refuses(*arguments, **values):
        raise MlflowException("(sqlite3.OperationalError) attempt to write a readonly database")

    with monkeypatch.context() as patch:
        patch.setattr("mlflow.MlflowClient.create_run", refuses)
        patch.setattr(os, "access", lambda path, mode: Path(path).name != "mlflow.db")
        assert recorder.mirror_or_warn(mirrors, None)
    (told,) = warned()
    assert "mlflow.db: cannot be written; make it writable" in told
    assert mirrors.mirror_all() == 2
