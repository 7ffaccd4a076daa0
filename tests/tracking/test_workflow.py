"""A workflow's runs in MLflow (`workflow.py`, `mirror.py`): complete, ended and never doubled."""

import signal
import sqlite3
from pathlib import Path

import pytest

from pipeline import journal, mirrored
from pipeline.tracking import store
from pipeline.tracking.recorder import sync
from tests.tracking.toys import (
    EPOCHS,
    LOSSES,
    STATE,
    WHOLE,
    begin,
    child,
    client,
    end,
    finish,
    history,
    killed_stage,
    mirror,
    report,
    runs,
    stage_process,
    start,
)

JOURNAL = STATE / "toy" / journal.NAME


def test_a_workflow_is_a_parent_with_a_child_for_each_stage(tree):
    product = tree / "results" / "genotype.json"
    parent_id = start(preset="demo")
    product.write_text("{}")
    settings = {"seed": 0, "search": {"epochs": 5, "supernet": {"channels": 16}}, "note": "x" * 900}
    for name in ("toy/seed0", "toy/seed1"):
        with child(name, settings, {"device": "cpu"}) as run:
            run.append_metrics(LOSSES[0], 0)
            run.append_artifact(product)
    finish("FINISHED")
    parent, *children = runs()
    assert [run.info.status for run in (parent, *children)] == ["FINISHED"] * 3
    assert parent.info.run_id == parent_id and parent.data.tags["preset"] == "demo"
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent_id}
    assert {run.info.run_name for run in children} == {"search · toy/seed0", "search · toy/seed1"}
    for run in children:
        assert run.data.params["search.epochs"] == "5" and run.data.params["seed"] == "0"
        assert run.data.params["search.supernet.channels"] == "16"
        assert len(run.data.params["note"]) == 500
        assert len(run.data.tags["source_digest"]) == 64 and run.data.tags["device"] == "cpu"
        assert history(run) == WHOLE[:1] and history(run, "accuracy") == [(0, 0.0)]
        assert [f.path for f in client().list_artifacts(run.info.run_id)] == ["genotype.json"]
    known = mirrored.runs(STATE)
    assert {line["run_id"] for line in known.values()} == {run.info.run_id for run in runs()}
    assert {line["status"] for line in known.values()} == {"FINISHED"}


def test_what_is_new_is_one_request(tree, sent):
    start()
    with child() as run:
        run.append_metrics({f"metric{i}": float(i) for i in range(20)}, 0)
        run.append_metrics({"metric0": 1.0}, 1)
        mirror()
    assert sent == [[*((f"metric{i}", 0) for i in range(20)), ("metric0", 1)]]


def test_a_killed_stage_goes_on_as_the_same_run_without_doubled_steps(tree, sent):
    start()
    killed_stage()
    mirror()
    (killed,) = runs()[1:]
    assert killed.info.status == "RUNNING" and history(killed) == WHOLE[:3]
    # What else a kill may leave: an epoch that was not sent, and a line half written.
    journal.read(JOURNAL).append("metrics", step=3, values={"loss": 0.25, "accuracy": 0.3})
    JOURNAL.write_text(JOURNAL.read_text() + '\n{"event": "metr')
    report(first=1)  # the last checkpoint is older than the last report
    mirror()
    assert [{step for _, step in points} for points in sent] == [{0, 1, 2}, {3, 4}]
    lines = [event["step"] for event in journal.read(JOURNAL).events if "step" in event]
    assert lines == list(range(EPOCHS))
    (resumed,) = runs()[1:]
    assert resumed.info.run_id == killed.info.run_id and resumed.info.status == "FINISHED"
    assert history(resumed) == WHOLE
    assert history(resumed, "accuracy") == [(epoch, epoch / 10) for epoch in range(EPOCHS)]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_ends_the_run_as_failed_and_goes_through(tree, error):
    start()
    with pytest.raises(error), child() as run:
        run.append_metrics({"loss": 1.0}, 0)
        raise error
    mirror()
    assert [run.info.status for run in runs()] == ["RUNNING", "FAILED"]
    with child() as run:
        run.append_metrics({"loss": 1.0}, 0)
        run.append_metrics({"loss": 0.5}, 1)
    mirror()
    (again,) = runs()[1:]
    assert again.info.status == "FINISHED" and history(again) == WHOLE[:2]


def test_sigterm_ends_the_run_as_failed(tree):
    begin()
    with stage_process("wait") as process:
        process.stdout.readline()
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    assert journal.read(JOURNAL).status == "FAILED"


def test_finishing_closes_children_that_never_ended(tree):
    parent_id = start()
    killed_stage()
    JOURNAL.write_text(JOURNAL.read_text() + '\n{"event": "metr')
    tags = {"mlflow.parentRunId": parent_id}
    client().create_run(runs()[0].info.experiment_id, tags=tags)  # its journal is gone
    finish("FAILED")
    assert [run.info.status for run in runs()] == ["FAILED"] * 3
    assert journal.read(JOURNAL).status == "FAILED"
    killed = next(run for run in runs() if run.data.metrics)
    assert history(killed) == WHOLE[:3]
    second = start()
    report(first=2)
    finish("FINISHED")
    resumed = client().get_run(killed.info.run_id)
    assert resumed.info.status == "FINISHED" and history(resumed) == WHOLE
    assert resumed.data.tags["mlflow.parentRunId"] == second != parent_id


def test_an_interrupted_workflow_reopens_its_parent_and_a_finished_one_does_not(tree):
    first = start()
    assert start() == first, "killed: its journal has no end"
    finish("FAILED")
    assert start() != first
    finish("FINISHED")
    assert sorted(run.info.status for run in runs()) == ["FAILED", "FINISHED"]


def test_a_finished_or_changed_stage_is_a_new_run(tree):
    start()
    for _ in range(2):
        with child() as run:
            run.append_metrics({"loss": 1.0}, 0)
    for epochs in (3, 4):
        with pytest.raises(ValueError), child(params={"epochs": epochs}):
            raise ValueError
    mirror()
    statuses = [run.info.status for run in runs()[1:]]
    assert sorted(statuses) == ["FAILED", "FAILED", "FINISHED", "FINISHED"]
    assert len(list((STATE / "toy").glob("journal*.jsonl"))) == 4


def test_a_stage_belongs_to_a_workflow_that_lives(tree, monkeypatch):
    begin()
    with child("inside") as run:
        assert run.workflow == journal.read(STATE / journal.NAME).key
    with monkeypatch.context() as killed:
        killed.setattr("pipeline.locks.alive", lambda owner: False)
        with child("after a kill") as run:
            assert run.workflow is None
    end("FINISHED")
    with child("after the end") as run:
        assert run.workflow is None


def test_a_store_lost_midway_is_completed_without_sending_twice(tree, monkeypatch, sent):
    from mlflow import MlflowClient

    start()
    recorded = MlflowClient.log_batch

    def sent_but_unanswered(*arguments, **values):
        recorded(*arguments, **values)
        if "metrics" in values:
            raise ConnectionError("the answer is lost")

    with child() as run:
        run.append_metrics({"loss": WHOLE[0][1]}, 0)
        mirror()
        run.append_metrics({"loss": WHOLE[1][1]}, 1)
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "log_batch", sent_but_unanswered)
            with pytest.raises(store.UnsentError, match=r"toy/journal.*the answer is lost"):
                mirror()
        for step, loss in WHOLE[2:]:
            run.append_metrics({"loss": loss}, step)
    mirror()
    assert runs()[1].info.status == "FINISHED" and history(runs()[1]) == WHOLE
    assert sent == [[("loss", 0)], [("loss", 1)], [("loss", 2), ("loss", 3), ("loss", 4)]]


def test_sync_leaves_deleted_runs_alone(tree):
    start()
    with child() as run:
        run.append_metrics({"loss": 1.0}, 0)
        mirror()
        client().delete_run(runs()[1].info.run_id)
        run.append_metrics({"loss": 0.5}, 1)
    finish("FINISHED")
    assert sync(Path("results")) == 0
    assert [run.info.status for run in runs()] == ["FINISHED"]


def test_sync_sends_more_than_fits_one_request(tree):
    begin()
    with child(params={f"p{i:03}": i for i in range(230)}) as run:
        for step in range(30):
            run.append_metrics({f"m{i:02}": float(i * step) for i in range(40)}, step)
    end("FINISHED")
    assert sync(Path("results")) == 2
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

    def connect(real=store.connect):
        met.append(version())
        if met[-1] != head:  # as MLflow does where only columns differ
            raise MlflowException("Detected out-of-date database schema")
        return real()

    monkeypatch.setattr(store, "connect", connect)
    assert start() is not None
    assert met == [old, head]
