"""Runs in MLflow: complete, ended and never doubled, whatever dies in between."""

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

from pipeline import journal, provenance, tracking
from pipeline.errors import InputError
from pipeline.files import read_json

EPOCHS = 5
NOWHERE = "http://127.0.0.1:1"

# A stage in a process of its own; `trouble` comes after the third epoch has been reported.
STAGE = """
import os, signal, sys, time
from pathlib import Path
from pipeline import tracking
trouble = sys.argv[1]
with tracking.run("search", "toy/seed0", Path("results/state/toy"),
                  Path("results/state/mlflow_parent.json"), {"seed": 0}, {}) as run:
    for epoch in range(3):
        run.metrics({"loss": 1 / (epoch + 1), "accuracy": epoch / 10}, epoch)
    if trouble == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    print("waiting", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A store made by `start_workflow` where there was none; copied, since making it is slow."""
    folder = tmp_path_factory.mktemp("database")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        assert tracking.start_workflow(folder / "state", "other", {})
    return folder / "mlflow.db"


@pytest.fixture
def tree(tmp_path, database, monkeypatch):
    """An empty working tree with a store of its own."""
    shutil.copy(database, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("SHAPLEY_NAS_TRACKING", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    return tmp_path


@pytest.fixture
def sent(monkeypatch):
    """Points (metric, step) that this process sends, one list a request.

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


STATE = Path("results/state")


def start(**tags):
    return tracking.start_workflow(STATE, "toy", tags)


def killed_stage():
    done = subprocess.run([sys.executable, "-c", STAGE, "kill"], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def report(first=0):
    """The same stage, run here from an epoch on."""
    with child() as run:
        for epoch in range(first, EPOCHS):
            run.metrics({"loss": 1 / (epoch + 1), "accuracy": epoch / 10}, epoch)


def child(name="toy/seed0", params=None, state=STATE / "toy"):
    parent = STATE / tracking.PARENT_FILE
    return tracking.run("search", name, state, parent, params or {"seed": 0}, {"device": "cpu"})


def client():
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{Path('mlflow.db').absolute()}")


def runs():
    """All runs of the experiment, parents first."""
    found = client().get_experiment_by_name("toy")
    listed = client().search_runs([found.experiment_id]) if found else []
    return sorted(listed, key=lambda run: "mlflow.parentRunId" in run.data.tags)


def history(run, metric="loss"):
    points = client().get_metric_history(run.info.run_id, metric)
    return sorted((point.step, point.value) for point in points)


WHOLE = [(epoch, 1 / (epoch + 1)) for epoch in range(EPOCHS)]


def test_a_workflow_is_a_parent_with_a_child_a_stage(tree):
    product = tree / "results" / "genotype.json"
    parent_id = start(preset="demo")
    product.write_text("{}")
    settings = {"seed": 0, "search": {"epochs": 5, "supernet": {"channels": 16}}, "note": "x" * 900}
    for name in ("toy/seed0", "toy/seed1"):
        with child(name, settings, STATE / name) as run:
            run.metrics({"loss": 0.5, "accuracy": 0.25}, 0)
            run.artifact(product)
            assert run.params["search.supernet.channels"] == "16"
            assert set(run.identity()) == {"mlflow_run_id", "mlflow_experiment_id"}
    tracking.finish_workflow(STATE, "FINISHED")
    parent, *children = runs()
    assert [run.info.status for run in (parent, *children)] == ["FINISHED"] * 3
    assert parent.info.run_id == parent_id and parent.data.tags["preset"] == "demo"
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent_id}
    assert {run.info.run_name for run in children} == {"search toy/seed0", "search toy/seed1"}
    for run in children:
        assert run.data.params["search.epochs"] == "5" and run.data.params["seed"] == "0"
        assert len(run.data.params["note"]) == 500
        assert len(run.data.tags["source_digest"]) == 64 and run.data.tags["device"] == "cpu"
        assert history(run) == [(0, 0.5)] and history(run, "accuracy") == [(0, 0.25)]
        assert [f.path for f in client().list_artifacts(run.info.run_id)] == ["genotype.json"]
    assert not (STATE / tracking.PARENT_FILE).exists()


def test_an_epoch_is_one_request(tree, sent):
    start()
    with child() as run:
        run.metrics({f"metric{i}": float(i) for i in range(20)}, 0)
        assert sent == [[(f"metric{i}", 0) for i in range(20)]]


def test_a_killed_stage_goes_on_as_the_same_run_without_doubled_steps(tree, sent):
    start()
    killed_stage()
    (killed,) = runs()[1:]
    assert killed.info.status == "RUNNING" and history(killed) == WHOLE[:3]
    # What else a kill may leave: an epoch that was not sent, and a line half written.
    path = STATE / "toy" / "journal.jsonl"
    journal.read(path).append("metrics", step=3, values={"loss": 0.25, "accuracy": 0.3})
    path.write_text(path.read_text() + '\n{"event": "metr')
    report(first=1)  # the last checkpoint is older than the last report
    assert [{step for _, step in points} for points in sent] == [{3}, {4}]
    lines = [event["step"] for event in journal.read(path).events if "step" in event]
    assert lines == list(range(EPOCHS))
    (resumed,) = runs()[1:]
    assert resumed.info.run_id == killed.info.run_id and resumed.info.status == "FINISHED"
    assert history(resumed) == WHOLE
    assert history(resumed, "accuracy") == [(epoch, epoch / 10) for epoch in range(EPOCHS)]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_ends_the_run_as_failed_and_goes_through(tree, error):
    start()
    with pytest.raises(error), child() as run:
        run.metrics({"loss": 1.0}, 0)
        raise error
    assert [run.info.status for run in runs()] == ["RUNNING", "FAILED"]
    with child() as run:
        run.metrics({"loss": 1.0}, 0)
        run.metrics({"loss": 0.5}, 1)
    (again,) = runs()[1:]
    assert again.info.status == "FINISHED" and history(again) == WHOLE[:2]


def test_sigterm_ends_the_run_as_failed(tree):
    start()
    command = [sys.executable, "-c", STAGE, "wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
    assert runs()[1].info.status == "FAILED"


def test_finishing_closes_children_that_never_ended(tree):
    parent_id = start()
    killed_stage()
    path = STATE / "toy" / "journal.jsonl"
    path.write_text(path.read_text() + '\n{"event": "metr')
    tags = {"mlflow.parentRunId": parent_id}
    client().create_run(runs()[0].info.experiment_id, tags=tags)  # its journal is gone
    tracking.finish_workflow(STATE, "FAILED")
    assert [run.info.status for run in runs()] == ["FAILED"] * 3
    assert journal.read(path).status == "FAILED"
    killed = next(run for run in runs() if run.data.metrics)
    assert history(killed) == WHOLE[:3]
    second = start()
    report(first=2)
    tracking.finish_workflow(STATE, "FINISHED")
    resumed = client().get_run(killed.info.run_id)
    assert resumed.info.status == "FINISHED" and history(resumed) == WHOLE
    assert resumed.data.tags["mlflow.parentRunId"] == second != parent_id


def test_an_interrupted_workflow_reopens_its_parent_and_a_finished_one_does_not(tree):
    first = start()
    assert start() == first, "killed: the file of the parent is still there"
    tracking.finish_workflow(STATE, "FAILED")
    assert start() != first
    tracking.finish_workflow(STATE, "FINISHED")
    tracking.finish_workflow(STATE, "FAILED")  # nothing was started: nothing happens
    assert sorted(run.info.status for run in runs()) == ["FAILED", "FINISHED"]


def test_a_finished_or_changed_stage_is_a_new_run(tree):
    start()
    for _ in range(2):
        with child() as run:
            run.metrics({"loss": 1.0}, 0)
    for epochs in (3, 4):
        with pytest.raises(ValueError), child(params={"epochs": epochs}):
            raise ValueError
    statuses = [run.info.status for run in runs()[1:]]
    assert sorted(statuses) == ["FAILED", "FAILED", "FINISHED", "FINISHED"]
    assert len(list((STATE / "toy").glob("journal*.jsonl"))) == 4


def test_an_unreachable_store_costs_seconds_and_loses_nothing(tree, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
    product = tree / "results" / "cell.svg"
    started = time.monotonic()
    assert start() is None
    product.write_text("<svg/>")
    assert time.monotonic() - started < 20
    waited = time.monotonic()
    with child() as run:
        for step, loss in WHOLE:
            run.metrics({"loss": loss, "gap": math.nan}, step)
        run.artifact(product)
    assert time.monotonic() - waited < 1, "found out once a workflow, not once a stage"
    with pytest.raises(ValueError), child("toy/seed1", {"seed": 1}, STATE / "toy1"):
        raise ValueError
    assert len(caplog.records) == 1 and "pipeline sync" in caplog.text
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracking.finish_workflow(STATE, "FAILED")
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI"):
        tracking.sync(Path("results"))

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking.sync(Path("results")) == 3
    for _ in range(2):
        parent, *children = runs()
        assert parent.info.status == "FAILED"
        good = next(run for run in children if run.info.status == "FINISHED")
        assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
        assert len(children) == 2 and history(good) == WHOLE
        assert math.isnan(good.data.metrics["gap"])
        assert [f.path for f in client().list_artifacts(good.info.run_id)] == ["cell.svg"]
        assert good.info.start_time <= good.info.end_time
        assert tracking.sync(Path("results")) == 0


def test_a_store_lost_midway_is_completed_without_sending_twice(tree, monkeypatch, caplog, sent):
    from mlflow import MlflowClient

    start()
    recorded = MlflowClient.log_batch

    def sent_but_unanswered(*arguments, **values):
        recorded(*arguments, **values)
        raise ConnectionError("the answer is lost")

    with child() as run:
        run.metrics({"loss": WHOLE[0][1]}, 0)
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "log_batch", sent_but_unanswered)
            for step, loss in WHOLE[1:3]:
                run.metrics({"loss": loss}, step)
        for step, loss in WHOLE[3:]:
            run.metrics({"loss": loss}, step)
    assert len(caplog.records) == 1 and "the answer is lost" in caplog.text
    assert runs()[1].info.status == "FINISHED" and history(runs()[1]) == WHOLE
    assert sent == [[("loss", 0)], [("loss", 1)], [("loss", 2), ("loss", 3), ("loss", 4)]]


def test_a_store_gone_after_the_start_does_not_fail_a_stage(tree, monkeypatch, caplog):
    start()
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
    with child() as run:
        run.metrics({"loss": 1.0}, 0)
    assert len(caplog.records) == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    tracking.finish_workflow(STATE, "FINISHED")
    assert [run.info.status for run in runs()] == ["FINISHED"] * 2
    assert history(runs()[1]) == WHOLE[:1]


def test_switched_off_the_same_files_come_out(tree, monkeypatch):
    def workflow(folder):
        folder.mkdir()
        monkeypatch.chdir(folder)
        start()
        with child() as run:
            for step, loss in WHOLE:
                run.metrics({"loss": loss}, step)
        tracking.finish_workflow(STATE, "FINISHED")
        told = journal.read(STATE / "toy" / "journal.jsonl").points
        files = {path for path in Path("results").rglob("*") if path.is_file()}
        return files, {point: value for point, (value, _) in told.items()}

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tree}/mlflow.db")
    tracked = workflow(tree / "on")
    monkeypatch.chdir(tree)
    assert len(runs()) == 2
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")
    monkeypatch.setattr(tracking.store, "connect", lambda: pytest.fail("speaks to MLflow"))
    assert workflow(tree / "off") == tracked
    monkeypatch.chdir(tree)
    assert len(runs()) == 2


def test_by_hand_a_stage_keeps_a_journal_which_sync_sends(tree):
    with child() as run:
        run.metrics({"loss": 1.0}, 0)
        assert run.identity() == {}
    assert runs() == []
    assert tracking.sync(Path("results")) == 1
    experiment = client().get_experiment_by_name(tracking.EXPERIMENT)
    (sent,) = client().search_runs([experiment.experiment_id])
    assert sent.info.status == "FINISHED" and history(sent) == WHOLE[:1]


def test_sync_leaves_running_stages_and_deleted_runs_alone(tree):
    start()
    with child() as run:
        run.metrics({"loss": 1.0}, 0)
        assert tracking.sync(Path("results")) == 1  # the parent, which is running
        assert runs()[1].info.status == "RUNNING"
        client().delete_run(runs()[1].info.run_id)
        run.metrics({"loss": 0.5}, 1)
    tracking.finish_workflow(STATE, "FINISHED")
    assert tracking.sync(Path("results")) == 0
    assert [run.info.status for run in runs()] == ["FINISHED"]


def test_sync_sends_more_than_fits_one_request(tree, monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")
    start()
    with child(params={f"p{i:03}": i for i in range(230)}) as run:
        for step in range(30):
            run.metrics({f"m{i:02}": float(i * step) for i in range(40)}, step)
    tracking.finish_workflow(STATE, "FINISHED")
    tracking.sync(Path("results"))
    (sent,) = runs()[1:]
    assert len(sent.data.params) == 230 and len(sent.data.metrics) == 40
    assert history(sent, "m39") == [(step, 39.0 * step) for step in range(30)]


def test_a_store_of_an_older_mlflow_is_migrated_at_the_start(tree, monkeypatch):
    from alembic import command
    from mlflow.exceptions import MlflowException
    from mlflow.store.db import utils

    def version():
        with sqlite3.connect("mlflow.db") as connection:
            return connection.execute("select version_num from alembic_version").fetchone()

    head = version()
    command.downgrade(utils._get_alembic_config(f"sqlite:///{tree}/mlflow.db"), "-1")
    old = version()
    assert old != head
    met = []

    def connect(real=tracking.store.connect):
        met.append(version())
        if met[-1] != head:  # as MLflow does where only columns differ
            raise MlflowException("Detected out-of-date database schema")
        return real()

    monkeypatch.setattr(tracking.store, "connect", connect)
    assert start() is not None
    assert met == [old, head]


def test_parameters_are_flat_text_cut_at_500_characters():
    settings = {"a": {"b": 1, "c": {"d": None}}, "flag": True, "rate": 1e-3, "text": "t"}
    assert provenance.flatten(settings) == {
        "a.b": "1",
        "a.c.d": "null",
        "flag": "true",
        "rate": "0.001",
        "text": "t",
    }
    (cut,) = provenance.flatten({"long": [0] * 400}).values()
    assert len(cut) == 500 and cut.endswith("…")


def test_telemetry_is_off_whatever_the_environment_says(tree, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    tracking.connect()
    assert os.environ["DO_NOT_TRACK"] == os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_the_file_of_the_parent_names_it(tree):
    run_id = start()
    content = read_json(STATE / tracking.PARENT_FILE)
    assert content["run_id"] == run_id and content["experiment"] == "toy"
