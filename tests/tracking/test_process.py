"""The recorder's process: killed, or its store absent, sick, refusing: bounded, nothing lost.

The servers are real ones on the loopback; `tests/cluster/test_server.py` has MLflow's own.
"""

import contextlib
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline import journal, locks, mirrored
from pipeline.errors import InputError
from pipeline.tracking import process, recorder, store, workflow
from tests.tracking.toys import (
    LOSSES,
    STATE,
    WHOLE,
    begin,
    child,
    client,
    finish,
    history,
    mirror,
    report,
    runs,
    stage_process,
    start,
)

PATIENCE = 2.0
SLOW = 120.0  # seconds that a busy machine may take for what takes one or two
NOWHERE = "http://127.0.0.1:1"
RESULTS = STATE.parent


@contextlib.contextmanager
def server(answer):
    """A listener that treats each connection by `answer`; its address."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection):
            with connection, contextlib.suppress(OSError):
                answer(connection, stop)

        def listen():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)


def refuse(connection, stop):
    connection.recv(65536)
    body = b'{"error_code": "INTERNAL_ERROR", "message": "disk full"}'
    head = b"HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    connection.sendall(head % len(body) + body)


def hang(connection, stop):
    stop.wait(60)


def drip(connection, stop):
    """A byte now and then: no time limit of a read ever runs out."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not stop.wait(0.3):
        connection.sendall(b" ")


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING_SECONDS", str(PATIENCE))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture
def controller(monkeypatch):
    """A process that stands for snakemake."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as sleeper:
        monkeypatch.setenv(workflow.CONTROLLER, str(sleeper.pid))
        yield sleeper
        sleeper.kill()


def wait_until(condition, seconds=SLOW):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def recorder_pid():
    """The process that mirrors the results folder here; none where none does."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,args="], capture_output=True, text=True)
    found = [line.split() for line in listed.stdout.splitlines() if "tracking.process" in line]
    for pid, *_ in found:
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if Path(f"/proc/{pid}/cwd").readlink() == Path.cwd():
                return int(pid)
    return None


def losses_of(name):
    return next((history(run) for run in runs() if run.info.run_name == f"search · {name}"), None)


def test_runs_are_mirrored_while_jobs_write_them_and_the_end_waits_for_the_rest(tree, controller):
    begin(controller=controller.pid)
    process.start(STATE)
    (parent,) = runs()
    with child() as run:
        for epoch in (0, 1):
            run.append_metrics(LOSSES[epoch], epoch)
            wait_until(lambda epoch=epoch: losses_of("toy") == WHOLE[: epoch + 1])
        assert [run.info.status for run in runs()] == ["RUNNING"] * 2
        for epoch in (2, 3, 4):
            run.append_metrics(LOSSES[epoch], epoch)
    workflow.finish(RESULTS, "FINISHED")
    assert [run.info.status for run in runs()] == ["FINISHED"] * 2
    assert losses_of("toy") == WHOLE and runs()[0].info.run_id == parent.info.run_id
    wait_until(lambda: recorder_pid() is None)
    assert recorder.sync(Path("results")) == 0


def test_several_stages_at_once_lose_nothing(tree, controller):
    begin(controller=controller.pid)
    process.start(STATE)
    stages = [stage_process("none", f"writer{i}") for i in range(4)]
    assert [stage.wait(SLOW) for stage in stages] == [0] * 4
    workflow.finish(RESULTS, "FINISHED")
    children = runs()[1:]
    assert len(children) == 4 and {run.info.status for run in children} == {"FINISHED"}
    for run in children:
        assert history(run) == WHOLE and len(history(run, "accuracy")) == 5


def test_a_killed_recorder_is_replaced_at_the_end(tree, controller):
    begin(controller=controller.pid)
    process.start(STATE)
    with child() as run:
        run.append_metrics(LOSSES[0], 0)
        wait_until(lambda: losses_of("toy") == WHOLE[:1])
        os.kill(recorder_pid(), signal.SIGKILL)
        for epoch in range(1, 5):
            run.append_metrics(LOSSES[epoch], epoch)
    workflow.finish(RESULTS, "FINISHED")
    assert [run.info.status for run in runs()] == ["FINISHED"] * 2 and losses_of("toy") == WHOLE


def test_when_snakemake_is_killed_the_recorder_sends_what_is_there_and_ends(tree, controller):
    begun = begin(controller=controller.pid)
    process.start(STATE)
    pid = recorder_pid()
    with pytest.raises(KeyboardInterrupt), child() as run:
        run.append_metrics(LOSSES[0], 0)
        controller.kill()
        controller.wait()
        wait_until(lambda: recorder_pid() is None)
        raise KeyboardInterrupt
    assert pid and losses_of("toy") == WHOLE[:1]
    assert begin().key == begun.key
    report(first=1)
    finish("FINISHED")
    assert [run.info.status for run in runs()] == ["FINISHED"] * 2 and losses_of("toy") == WHOLE


@pytest.mark.parametrize("answer", [refuse, hang, drip])
def test_a_sick_server_costs_a_bounded_time_and_no_metric(
    answer, tree, monkeypatch, impatient, controller, capfd
):
    with server(answer) as address, monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", address)
        begin(controller=controller.pid)
        began = time.monotonic()
        process.start(STATE)
        waited = time.monotonic()
        assert waited - began < 3 * PATIENCE + 1
        report()
        assert time.monotonic() - waited < 3, "jobs never wait for it"
        workflow.finish(RESULTS, "FAILED")
        assert time.monotonic() - waited < SLOW
    told = capfd.readouterr().err
    assert told.count("warning:") == 1 and "pipeline sync" in told
    assert recorder.sync(Path("results")) == 2
    assert [run.info.status for run in runs()] == ["FAILED", "FINISHED"]
    assert losses_of("toy") == WHOLE
    assert recorder.sync(Path("results")) == 0


def test_an_unreachable_store_loses_nothing(tree, monkeypatch, impatient, controller, capfd):
    product = tree / "results" / "cell.svg"
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
        begin(controller=controller.pid)
        process.start(STATE)
        product.write_text("<svg/>")
        with child() as run:
            for step, loss in WHOLE:
                run.append_metrics({"loss": loss, "gap": math.nan}, step)
            run.append_artifact(product)
        with pytest.raises(ValueError), child("other"):
            raise ValueError
        workflow.finish(RESULTS, "FAILED")
        told = capfd.readouterr().err
        assert told.count("warning:") == 1 and "pipeline sync" in told
        with pytest.raises(InputError, match="MLFLOW_TRACKING_URI"):
            recorder.sync(Path("results"))
    assert recorder.sync(Path("results")) == 3
    for _ in range(2):
        parent, *children = runs()
        assert parent.info.status == "FAILED"
        good = next(run for run in children if run.info.status == "FINISHED")
        assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
        assert len(children) == 2 and history(good) == WHOLE
        assert math.isnan(good.data.metrics["gap"])
        assert [f.path for f in client().list_artifacts(good.info.run_id)] == ["cell.svg"]
        assert good.info.start_time <= good.info.end_time
        assert recorder.sync(Path("results")) == 0


def test_a_store_that_comes_back_is_completed_while_the_workflow_runs(
    tree, monkeypatch, controller, capfd
):
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING_SECONDS", "10")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tree}/later/mlflow.db")
    (tree / "later").write_text("no folder: nothing can be made here")
    begin(controller=controller.pid)
    process.start(STATE)
    report()
    (tree / "later").unlink()
    (tree / "later").mkdir()
    shutil.move("mlflow.db", "later/mlflow.db")
    (tree / "mlflow.db").symlink_to("later/mlflow.db")
    wait_until(lambda: losses_of("toy") == WHOLE)
    workflow.finish(RESULTS, "FINISHED")
    assert [run.info.status for run in runs()] == ["FINISHED"] * 2
    assert recorder.NOT_RECORDING in process.log_of(STATE).read_text()
    assert capfd.readouterr().err == "", "it has all of it now"


def test_a_run_that_is_refused_is_named_with_its_remedy_and_holds_up_no_other(tree, warned):
    begin()
    for name in ("a", "c"):
        report(name=name)
    path = STATE / "b" / journal.NAME
    start_of = (path, "search", "b", "x" * 501, None, {}, {})  # MLflow takes 500 characters
    journal.begin(*start_of).append_metrics(LOSSES[0], 0)
    mirror()
    (told,) = warned()
    assert "state/b/journal.jsonl" in told and "all other runs are recorded" in told
    assert "set mlflow_experiment to another name" in told
    assert losses_of("a") == losses_of("c") == WHOLE
    with pytest.raises(InputError, match="state/b/journal"):
        recorder.sync(Path("results"))


def test_a_run_whose_sending_fails_holds_up_no_other_and_is_sent_later(tree, monkeypatch, warned):
    from mlflow import MlflowClient

    begin()
    for name in ("a", "b", "c"):
        report(name=name)
    real = MlflowClient.log_batch

    def fails_once_for_b(self, run_id, **values):
        if self.get_run(run_id).info.run_name == "search · b":
            raise KeyError("of its own")
        real(self, run_id, **values)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", fails_once_for_b)
        begun = recorder.Recorder(STATE)
        assert recorder.mirror_or_warn(begun, None)
        (told,) = warned()
        assert "state/b/journal" in told and recorder.LATER in told
        with pytest.raises(InputError, match=r"state/b/journal.*`sync` again"):
            recorder.sync(Path("results"))
    assert losses_of("a") == losses_of("c") == WHOLE and losses_of("b") == []
    assert not recorder.mirror_or_warn(begun, None)
    assert losses_of("b") == WHOLE


def test_an_experiment_that_was_deleted_is_named_once_with_its_remedy(tree, warned):
    start()
    client().delete_experiment(runs()[0].info.experiment_id)
    report()
    mirror()
    (told,) = warned()
    assert "'toy' was deleted" in told and "mlflow experiments restore" in told
    with pytest.raises(InputError, match="mlflow_experiment"):
        recorder.sync(Path("results"))


def test_by_hand_a_verb_mirrors_its_own_run_at_its_end(tree):
    with child("other", tags={"run": "other"}):
        pass
    journal.BEGUN_HERE.clear()  # that was another process
    with child(tags={"run": "toy"}) as run:
        run.append_metrics({"loss": 1.0}, 0)
    recorder.mirror_own()
    (sent,) = runs(journal.EXPERIMENT)
    assert sent.info.status == "FINISHED" and history(sent) == WHOLE[:1]
    assert recorder.sync(Path("results")) == 1, "the other one"


def test_by_hand_a_sick_server_costs_a_bounded_time(tree, monkeypatch, impatient, warned):
    with server(drip) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with child(tags={"run": "toy"}) as run:
            run.append_metrics({"loss": 1.0}, 0)
        began = time.monotonic()
        recorder.mirror_own()
        assert time.monotonic() - began < 3 * PATIENCE + 2
    (told,) = warned()
    assert "pipeline sync" in told


def test_a_stage_of_a_workflow_is_left_to_its_recorder(tree, monkeypatch):
    begin()
    report()
    monkeypatch.setattr(store, "connect", lambda: pytest.fail("speaks to MLflow"))
    recorder.mirror_own()
    with locks.held(STATE / mirrored.NAME, 0) as ours:
        assert ours
        assert recorder.sync(Path("results")) == 0


def test_switched_off_the_same_files_come_out(tree, monkeypatch, controller):
    def run(folder):
        folder.mkdir()
        monkeypatch.chdir(folder)
        begin(controller=controller.pid)
        if store.enabled():
            process.start(STATE)
        report()
        workflow.finish(RESULTS, "FINISHED")
        told = journal.read(STATE / "toy" / journal.NAME).points
        files = {path for path in Path("results").rglob("*") if path.is_file()}
        return files, {point: value for point, (value, _) in told.items()}

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tree}/mlflow.db")
    files, points = run(tree / "on")
    monkeypatch.chdir(tree)
    assert len(runs()) == 2
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")
    monkeypatch.setattr(store, "connect", lambda: pytest.fail("speaks to MLflow"))
    # The recorder's own two files say what MLflow has and why not.
    own = {STATE / mirrored.NAME, process.log_of(STATE)}
    assert run(tree / "off") == (files - own, points)
    monkeypatch.chdir(tree)
    assert len(runs()) == 2


def test_a_clock_that_is_set_back_ends_no_run_before_it_began(tree, monkeypatch):
    real = time.time_ns
    start()
    with child() as run:
        run.append_metrics({"loss": 1.0}, 0)
        monkeypatch.setattr(time, "time_ns", lambda: real() - 3600 * 10**9)
        run.append_metrics({"loss": 0.5}, 1)
    mirror()
    times = [event["time"] for event in journal.read(STATE / "toy" / journal.NAME).events]
    assert times == sorted(times)
    (sent,) = runs()[1:]
    assert sent.info.start_time <= sent.info.end_time and history(sent) == WHOLE[:2]
    with pytest.raises(ValueError), child("again"):
        raise ValueError
    with child("again") as run:  # the same run again: its time at work is no negative number
        assert run.seconds_before >= 0


def test_a_torn_line_of_the_recorders_list_is_passed_over(tree):
    run_id = start()
    path = STATE / mirrored.NAME
    path.write_text(path.read_text() + '{"key": "torn')
    assert [line["run_id"] for line in mirrored.runs(STATE).values()] == [run_id]
    assert json.loads(path.read_text().splitlines()[0])["status"] == "RUNNING"


def test_an_ended_workflow_is_not_ended_again(tree):
    start()
    finish("FINISHED")
    end_of = journal.read(STATE / journal.NAME).events[-1]
    workflow.finish(RESULTS, "FAILED")
    assert journal.read(STATE / journal.NAME).events[-1] == end_of
