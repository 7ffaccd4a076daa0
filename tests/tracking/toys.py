"""A workflow and its stages without Snakemake, and what MLflow has of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from pipeline import journal, locks, mirrored
from pipeline.tracking import workflow
from pipeline.tracking.recorder import Recorder

STATE = Path("results/state")
EPOCHS = 5
WHOLE = [(epoch, 1 / (epoch + 1)) for epoch in range(EPOCHS)]
LOSSES = [{"loss": loss, "accuracy": epoch / 10} for epoch, loss in WHOLE]

# A stage in a process of its own; `trouble` comes after the third epoch has been reported.
STAGE = """
import os, signal, sys, time
from pathlib import Path
from pipeline import cli, journal
cli.exit_on_sigterm()
name, trouble = sys.argv[1:]
state = Path("results/state")
with journal.recorded(state / name / journal.NAME, "search", name, journal.workflow_of(state),
                      {"seed": 0}, {}) as run:
    for epoch in range(5 if trouble == "none" else 3):
        run.append_metrics({"loss": 1 / (epoch + 1), "accuracy": epoch / 10}, epoch)
    if trouble == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if trouble == "wait":
        print("waiting", flush=True)
        time.sleep(60)
"""


def begin(experiment="toy", state=STATE, controller=None, **tags):
    """The journal of a workflow that this process runs."""
    locks.take_workflow(state, controller or os.getpid())
    return workflow.begin(state, experiment, tags)


def mirror(state=STATE):
    """What the recorder does again and again; the number of runs that MLflow had not whole."""
    return Recorder(state).mirror_all()


def start(experiment="toy", state=STATE, **tags):
    """A workflow with its run in MLflow; the run's id."""
    begun = begin(experiment, state, **tags)
    mirror(state)
    return mirrored.runs(state)[begun.key]["run_id"]


def end(status, study=None, state=STATE):
    """The end of a workflow as the journals have it."""
    workflow.end(state, journal.read(state / journal.NAME), status, study or {})


def finish(status, study=None, state=STATE):
    end(status, study, state)
    mirror(state)


def child(name="toy", params=None, tags=None, state=STATE):
    """A stage's journal."""
    path = state / name / journal.NAME
    of = journal.workflow_of(state)
    return journal.recorded(path, "search", name, of, params or {"seed": 0}, tags or {})


def report(first=0, name="toy"):
    """The stage of `STAGE`, run here from an epoch on."""
    with child(name) as run:
        for epoch in range(first, EPOCHS):
            run.append_metrics(LOSSES[epoch], epoch)


def stage_process(trouble, name="toy"):
    return subprocess.Popen([sys.executable, "-c", STAGE, name, trouble], stdout=subprocess.PIPE)


def killed_stage(name="toy"):
    with stage_process("kill", name) as process:
        assert process.wait(120) == -signal.SIGKILL


def client():
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{Path('mlflow.db').absolute()}")


def runs(name="toy"):
    """All runs of an experiment, parents first."""
    found = client().get_experiment_by_name(name)
    listed = client().search_runs([found.experiment_id]) if found else []
    return sorted(listed, key=lambda run: "mlflow.parentRunId" in run.data.tags)


def history(run, metric="loss"):
    points = client().get_metric_history(run.info.run_id, metric)
    return sorted((point.step, point.value) for point in points)
