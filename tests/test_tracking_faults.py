"""A tracking server that is absent, dies, answers 500, hangs or drips: bounded, nothing lost.

The servers are real ones on the loopback; `tests/cluster/test_server.py` has MLflow's own.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline import journal, tracking
from pipeline.deadline import Deadline
from tests.test_tracking import STATE, WHOLE, child, database, history, runs, start, tree

__all__ = ["database", "tree"]  # fixtures

PATIENCE = 2.0


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


@pytest.mark.parametrize("answer", [refuse, hang, drip])
def test_a_sick_server_costs_a_bounded_time_and_no_metric(
    answer, tree, monkeypatch, impatient, caplog
):
    parent = start()  # the store is well when the workflow starts
    assert parent
    with server(answer) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        began = time.monotonic()
        with child() as run:
            for step, loss in WHOLE:
                run.metrics({"loss": loss}, step)
        # The first report and the last word each wait; what lies between does not.
        assert time.monotonic() - began < 3 * PATIENCE + 2
    assert len(caplog.records) == 1 and "pipeline sync" in caplog.text
    assert len(journal.read(STATE / "toy" / "journal.jsonl").points) == len(WHOLE)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    tracking.finish_workflow(STATE, "FINISHED")
    assert tracking.sync(Path("results")) == 0
    assert [run.info.status for run in runs()] == ["FINISHED"] * 2
    assert history(runs()[1]) == WHOLE


def test_a_sick_server_at_the_start_costs_a_bounded_time(tree, monkeypatch, impatient):
    with server(drip) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        began = time.monotonic()
        assert start() is None
        assert time.monotonic() - began < 3 * PATIENCE + 2


def test_a_call_that_goes_on_is_not_made_twice():
    going, calls = threading.Event(), []
    deadline = Deadline(0.1)

    def slow():
        calls.append(1)
        going.wait(30)

    for _ in range(2):
        with pytest.raises(TimeoutError):
            deadline.call(slow)
    assert calls == [1]
    going.set()
    deadline.call(lambda: calls.append(2))
    assert calls == [1, 2]
    with pytest.raises(KeyError):
        deadline.call(lambda: {}["missing"])


def test_a_store_that_cannot_be_written_costs_a_warning(tree, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")
    assert start() is None
    with child() as run:
        run.metrics({"loss": 1.0}, 0)
    assert len(caplog.records) == 1
    tracking.finish_workflow(STATE, "FINISHED")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking.sync(Path("results")) == 2


def test_a_clock_that_is_set_back_ends_no_run_before_it_began(tree, monkeypatch):
    real = time.time_ns
    start()
    with child() as run:
        run.metrics({"loss": 1.0}, 0)
        monkeypatch.setattr(time, "time_ns", lambda: real() - 3600 * 10**9)
        run.metrics({"loss": 0.5}, 1)
    times = [event["time"] for event in journal.read(STATE / "toy" / "journal.jsonl").events]
    assert times == sorted(times)
    (sent,) = runs()[1:]
    assert sent.info.start_time <= sent.info.end_time and history(sent) == WHOLE[:2]
    with child() as run:  # the same run again: its time at work is no negative number
        assert run.seconds_before >= 0


def test_secrets_of_an_address_are_not_told(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    error = ConnectionError("https://anna:geheim@mlflow.example/api refused Bearer t0ken\nmore")
    line = journal.first_line(error)
    assert "geheim" not in line and "anna" not in line and "t0ken" not in line
    assert "https://***@mlflow.example/api" in line and "more" not in line


WRITER = """
import sys
from pathlib import Path
from pipeline import tracking
name, state = sys.argv[1], Path(sys.argv[2])
parent = state / "mlflow_parent.json"
with tracking.run("search", name, state / name, parent, {"name": name}, {}) as run:
    for epoch in range(5):
        run.metrics({"loss": 1 / (epoch + 1), "accuracy": epoch / 10}, epoch)
"""


def write_at_once(n, state):
    """`n` stages in processes of their own, all writing to one store."""
    command = [sys.executable, "-c", WRITER]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([*command, f"writer{i}", str(state)], env=environment) for i in range(n)
    ]
    return [process.wait(300) for process in processes]


def test_several_writers_on_sqlite_lose_nothing(tree):
    start()
    assert write_at_once(4, STATE) == [0] * 4
    tracking.finish_workflow(STATE, "FINISHED")
    children = runs()[1:]
    assert len(children) == 4 and {run.info.status for run in children} == {"FINISHED"}
    for run in children:
        assert history(run) == WHOLE and len(history(run, "accuracy")) == 5
