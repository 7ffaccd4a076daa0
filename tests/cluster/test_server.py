"""MLflow's own server on a real PostgreSQL, started as docs/cluster.md says, killed midway."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

from pipeline.tracking import process, recorder, workflow
from tests.tracking.toys import STATE, WHOLE, begin, child, stage_process

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def binary(name):
    """A program of PostgreSQL, which Debian keeps off the PATH."""
    found = shutil.which(name) or next(
        (str(p) for p in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None
    )
    if found is None:
        pytest.skip("PostgreSQL is not installed; `make test-cluster` installs it")
    return found


@pytest.fixture(scope="module")
def postgres():
    """Address of an empty database in a cluster of its own, on the loopback."""
    pytest.importorskip("psycopg2", reason="pip install '.[server]'")
    initdb, pg_ctl = binary("initdb"), binary("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # pytest's own folders are closed to others
    port = free_port()
    as_owner = []
    if os.geteuid() == 0:  # PostgreSQL refuses root
        shutil.chown(folder, "postgres")
        as_owner = ["runuser", "-u", "postgres", "--"]
    data = str(folder / "data")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([*as_owner, initdb, "-A", "trust", "-U", "postgres", "-D", data], **quiet)
    log = str(folder / "log")
    subprocess.run(
        [*as_owner, pg_ctl, "-D", data, "-w", "-l", log, "-o", options, "start"], **quiet
    )
    yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    subprocess.run([*as_owner, pg_ctl, "-D", data, "-m", "immediate", "stop"], **quiet)
    shutil.rmtree(folder)


@contextlib.contextmanager
def tracking_server(store, artifacts, port):
    """`scripts/tracking-server`; killed, its workers end by themselves."""
    command = [ROOT / "scripts" / "tracking-server", "--store", store, "--port", str(port)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    process = subprocess.Popen(
        [*command, "--artifacts", str(artifacts)],
        env={**os.environ, "PATH": path, "MLFLOW_WORKERS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=(artifacts.parent / "server.log").open("w"),
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 300
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                break
            told = (artifacts.parent / "server.log").read_text()[-1000:]
            assert process.poll() is None and time.monotonic() < deadline, told
            time.sleep(0.2)
        yield process
    finally:
        kill(process.pid, port)
        process.wait()


def kill(pid, port):
    """End a process at once, and wait until nobody listens: each worker holds the socket."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # the server is the script's child
        os.waitpid(pid, 0)
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return
        assert time.monotonic() < deadline, "workers outlive their server"
        time.sleep(0.2)


@pytest.mark.parametrize("victim", ["script", "server"])
def test_workers_end_with_the_server_whichever_is_killed(victim, tmp_path):
    port = free_port()
    store = f"sqlite:///{tmp_path}/mlflow.db"
    with tracking_server(store, tmp_path / "artifacts", port) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        kill(process.pid if victim == "script" else int(children[0]), port)


def finished(address):
    """Loss of each run of the experiment, as all points that the store keeps; parents without."""
    from mlflow import MlflowClient

    client = MlflowClient(address)
    (experiment,) = [e for e in client.search_experiments() if e.name == "toy"]
    found = client.search_runs([experiment.experiment_id])
    assert {run.info.status for run in found} == {"FINISHED"}
    return [
        sorted((p.step, p.value) for p in client.get_metric_history(run.info.run_id, "loss"))
        for run in found
        if "mlflow.parentRunId" in run.data.tags
    ]


def test_a_study_outlives_its_server_and_writers_lose_nothing(postgres, tmp_path, monkeypatch):
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")  # slow is not sick, on a busy machine
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING_SECONDS", "20")
    monkeypatch.delenv("SHAPLEY_NAS_TRACKING", raising=False)
    artifacts = tmp_path / "artifacts"
    with tracking_server(postgres, artifacts, port) as server:
        begin()
        process.start(STATE)
        writers = [stage_process("none", f"writer{i}") for i in range(3)]
        assert [writer.wait(300) for writer in writers] == [0] * 3
        with child() as run:
            run.append_metrics({"loss": WHOLE[0][1]}, 0)
            time.sleep(3)
            kill(server.pid, port)
            for step, loss in WHOLE[1:]:
                run.append_metrics({"loss": loss}, step)
            product = tmp_path / "results" / "genotype.json"
            product.write_text("{}")
            run.append_artifact(product)
        workflow.finish(STATE.parent, "FINISHED")  # still nobody there
    with tracking_server(postgres, artifacts, port):
        assert recorder.sync(Path("results")) > 0
        assert finished(address) == [WHOLE] * 4
        assert recorder.sync(Path("results")) == 0
        assert finished(address) == [WHOLE] * 4, "nothing sent twice"
    assert len(list(artifacts.rglob("genotype.json"))) == 1
