"""Tables and models in MLflow: what a run is tagged with, and what comes back of what was sent."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline import journal, mirrored, networks, paths
from pipeline.analysis import rows
from pipeline.errors import InputError
from pipeline.files import read_json, write_json, write_text
from pipeline.settings import Settings
from pipeline.stages.stage import stage as open_stage
from pipeline.tracking import lookup, models, store, tables, workflow
from pipeline.tracking.recorder import mirror_own, sync
from tests.analysis.toys import make_results, report_job
from tests.tracking import toys
from tests.tracking.toys import client

RESULTS, STATE = Path("results/demo"), Path("results/demo/state")
RUN = "darts/digits/shapley/seed0/retrain/digits/rseed0"


def begin():
    return toys.start(state=STATE, preset="demo")


def finish(status="FINISHED", study=None):
    toys.finish(status, study, STATE)


def stage(run=RUN, loss=1.0, model=None):
    """A training, mirrored; the id of its run."""
    with toys.child(run, tags={"run": run}, state=STATE) as record:
        record.append_metrics({"test_error": loss}, 0, "result")
        if model:
            record.append_artifact(model, form="model")
    if not store.enabled():
        return None
    toys.mirror(STATE)
    return mirrored.runs(STATE)[record.key]["run_id"]


def tags(run_id):
    return client().get_run(run_id).data.tags


def of_experiment(name):
    found = client().get_experiment_by_name(name)
    return client().search_runs([found.experiment_id]) if found else []


def study(*experiments):
    job = report_job()
    kept = [e for e in job.experiments if e.name in experiments]
    write_json(
        STATE.parent / paths.PLANNED, {**job.model_dump(mode="json"), "experiments": [
            e.model_dump(mode="json") for e in kept
        ]}
    )  # fmt: skip
    return job.model_copy(update={"experiments": tuple(kept)})


def test_a_run_names_the_tables_that_it_serves_also_those_of_a_later_study(tree):
    begin()
    run_id = stage()
    assert not any(name.startswith(tables.TAG) for name in tags(run_id))
    study("cells")
    foreign = stage("nasbench201/digits/shapley/seed0/search")
    finish()
    assert tags(run_id)["experiment.cells"] == "Shapley-NAS"
    assert "experiment.nasbench" not in tags(foreign)

    study("nasbench")
    begin()
    finish()
    assert "experiment.cells" not in tags(run_id)
    assert tags(foreign)["experiment.nasbench"] == "Shapley-NAS", "a search serves its row too"
    assert sync(RESULTS) == 0


def test_a_run_that_was_made_again_serves_no_table(tree):
    study("cells")
    begin()
    first, second = stage(), stage(loss=0.5)
    finish()
    assert "experiment.cells" not in tags(first)
    assert tags(second)["experiment.cells"] == "Shapley-NAS"


def test_a_table_is_an_experiment_with_a_run_a_row(tree):
    make_results(RESULTS)
    job = study("nasbench", "cells")
    parent = begin()
    workflow.finish(RESULTS, "FINISHED")

    runs = {run.data.params["strategy"]: run for run in of_experiment("toy/demo/nasbench")}
    assert set(runs) == {"random", "darts", "shapley"}
    expected = {row["strategy"]: row for row in rows.tables(job, RESULTS)["nasbench"]}
    for strategy, run in runs.items():
        assert run.info.status == "FINISHED" and run.info.run_name == expected[strategy]["row"]
        numbers = {k: v for k, v in expected[strategy].items() if not isinstance(v, str)}
        assert run.data.metrics == pytest.approx(numbers)
    metrics = runs["darts"].data.metrics
    assert metrics["query/cifar10_test_paper"] == 54.30
    assert metrics["retrain/digits/test_error_n"] == 2, "one of three seeds failed"
    assert "retrain/digits/test_error_low" not in metrics, "an interval takes three"
    metrics = runs["random"].data.metrics
    assert metrics["retrain/digits/test_error_n"] == 3
    assert 0 < metrics["retrain/digits/test_error_low"] < metrics["retrain/digits/test_error"] < 0.1

    kept = {f.path for f in client().list_artifacts(parent, "tables")}
    assert kept == {f"tables/{n}.{s}" for n in ("nasbench", "cells") for s in ("csv", "json")}
    experiment = client().get_experiment_by_name("toy").experiment_id
    table = client().load_table(experiment, "tables/nasbench.json", [parent])
    assert list(table["strategy"]) == [row["strategy"] for row in expected.values()]
    shown = json.loads(client().get_run(parent).data.tags["mlflow.loggedArtifacts"])
    assert {"path": "tables/nasbench.json", "type": "table"} in shown
    assert len(of_experiment("test")) == 1, "the training that the study lets fail"
    assert sync(RESULTS) == 0
    again = client().load_table(experiment, "tables/nasbench.json", [parent])
    assert len(again) == len(expected), "a second sending appends nothing"


def test_a_table_of_which_a_row_is_missing_is_not_there(tree):
    make_results(RESULTS)
    job = study("nasbench", "cells")
    for path in RESULTS.glob("nasbench201/digits/random/seed*/*/metrics.json"):
        path.unlink()
    for path in RESULTS.glob("nasbench201/digits/random/seed*/retrain/*/*/metrics.json"):
        path.unlink()
    assert set(rows.tables(job, RESULTS)) == {"cells"}


def test_a_row_stays_one_run_whose_numbers_go_on(tree):
    def finished(error):
        begin()
        row = {"row": "DARTS", "dataset": "digits", "retrain/digits/test_error": error}
        paper = {"row": "DARTS", "dataset": "cifar10", "retrain/cifar10/test_error_paper": 0.03}
        finish(study={"table1": [row, paper]})

    for error in (0.5, 0.5, 0.25):
        finished(error)
    (run,) = of_experiment("toy/demo/table1")
    points = client().get_metric_history(run.info.run_id, "retrain/digits/test_error")
    assert [(p.step, p.value) for p in points] == [(0, 0.5), (1, 0.25)]
    assert run.info.status == "FINISHED" and run.data.params["dataset"] == "digits"


def test_without_a_store_the_tables_wait_on_disk(tree):
    toys.begin(state=STATE)
    toys.end("FINISHED", {"table1": [{"row": "DARTS", "retrain/digits/test_error": 0.5}]}, STATE)
    (path,) = STATE.glob("tables/*/table1.csv")
    assert next(csv.DictReader(path.open()))["row"] == "DARTS"
    assert sync(RESULTS) == 2
    assert len(of_experiment("toy/demo/table1")) == 1


@pytest.fixture
def model(tree):
    genotype = networks.resolve("shapley_nas_cifar10")
    network = networks.build_seeded(0, genotype, "cifar10", 10, 4, 3, True).eval()
    manifest = {"image_size": 32, "mean": [0.5] * 3, "std": [0.25] * 3}
    path = tree / RESULTS / "model.pt"  # what lies elsewhere is not sent
    path.parent.mkdir(parents=True, exist_ok=True)
    networks.save_model(path, network, genotype, "cifar10", manifest)
    network.auxiliary = None
    return path, network


def logged(run_id):
    (output,) = client().get_run(run_id).outputs.model_outputs
    name = client().get_logged_model(output.model_id).name
    assert name == "shapley · darts digits · s0 · digits r0"
    return f"models:/{output.model_id}"


def test_a_logged_model_gives_the_same_logits_and_holds_no_pickle(model, monkeypatch):
    import mlflow

    path, network = model
    begin()
    run_id = stage(model=path)
    finish()
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    mlflow.set_tracking_uri(store.store_uri())
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = network(images)
        assert torch.allclose(mlflow.pytorch.load_model(logged(run_id))(images), expected)
    served = mlflow.pyfunc.load_model(logged(run_id))
    assert np.allclose(served.predict(images.numpy()), expected, atol=1e-5)
    signature = served.metadata.signature
    assert [spec.shape for spec in signature.inputs.inputs] == [(-1, 3, 32, 32)]
    assert [spec.shape for spec in signature.outputs.inputs] == [(-1, 10)]
    assert "model.pt" in {f.path for f in client().list_artifacts(run_id)}
    assert not list(STATE.rglob("mlflow_model*")), "sent, so not kept twice"
    assert sync(RESULTS) == 0


def test_a_model_waits_for_a_store_that_is_away(model, monkeypatch):
    path, _ = model
    with monkeypatch.context() as away:
        away.setenv("SHAPLEY_NAS_TRACKING", "false")
        away.setattr(models, "save", lambda *_: pytest.fail("costs seconds and nobody asked"))
        toys.begin(state=STATE)
        stage(model=path)
        toys.end("FINISHED", state=STATE)
    assert sync(RESULTS) == 2
    (run,) = [run for run in of_experiment("toy") if "run" in run.data.tags]
    first = logged(run.info.run_id)
    # Killed after the model and before the status: sent again, the run keeps its one model.
    client().update_run(run.info.run_id, status="RUNNING")
    assert sync(RESULTS) == 1
    assert logged(run.info.run_id) == first


def test_a_network_that_cannot_be_exported_costs_a_warning(model, monkeypatch, warned):
    def save(*_):
        raise RuntimeError("no graph")

    monkeypatch.setattr(models, "save", save)
    path, _ = model
    begin()
    run_id = stage(model=path)
    assert any("no graph" in line for line in warned())
    run = client().get_run(run_id)
    assert run.info.status == "FINISHED"
    assert "model.pt" in {f.path for f in client().list_artifacts(run_id)}


def test_a_broken_result_does_not_stop_the_end_of_a_workflow(tree, warned):
    make_results(RESULTS)
    study("nasbench")
    begin()
    next(RESULTS.rglob("metrics.json")).write_text("{")
    workflow.finish(RESULTS, "FAILED")
    assert any("not valid JSON" in line for line in warned())
    (parent,) = of_experiment("toy")
    assert parent.info.status == "FAILED"


def test_a_stage_is_tagged_by_what_a_run_table_is_grouped_by(tree, monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_RESULTS", str(RESULTS))
    with open_stage("retrain", RESULTS / RUN, Settings(), seed=0) as at_work:
        at_work.epoch({"seconds": 1.0}, 0)
        at_work.finish({"test_error": 0.5, "seconds": 1.0, "layout": "cifar10"}, [{"epoch": 0}])
    kept = journal.read(STATE / RUN / journal.NAME)
    names = {"preset": "demo", "space": "darts", "dataset": "digits", "strategy": "shapley"}
    names |= {"seed": "0", "rseed": "0", "target": "digits", "stage": "retrain", "run": RUN}
    assert names.items() <= kept.tags.items()
    assert {*kept.points} == {("seconds", 0)}
    assert {*kept.result} == {("test_error", 1), ("seconds", 1)}

    record = read_json(RESULTS / RUN / "provenance.json")
    assert mirrored.ids(RESULTS / RUN, record) == {}
    mirror_own()
    ids = mirrored.ids(RESULTS / RUN, record)
    assert client().get_run(ids["mlflow_run_id"]).data.metrics["final/test_error"] == 0.5
    assert client().get_experiment(ids["mlflow_experiment_id"]).name == journal.EXPERIMENT


def test_runs_say_what_they_are_and_what_came_of_them(tree, monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_RESULTS", str(RESULTS))
    make_results(RESULTS)
    study("nasbench")
    training = RUN.replace("rseed0", "rseed1")
    parent = begin()
    data = {"name": "digits", "fingerprint": "0123456789abcdef" * 4}
    with open_stage("retrain", RESULTS / training, Settings(), seed=0, data=data) as at_work:
        at_work.epoch({"train_accuracy": 0.75, "train_loss": 1.0}, 0)
        at_work.finish({"test_error": 0.5})
    write_text(RESULTS / "report" / "index.html", "<p>the report</p>")
    workflow.finish(RESULTS, "FINISHED")

    ids = mirrored.ids(RESULTS / training, read_json(RESULTS / training / "provenance.json"))
    run = client().get_run(ids["mlflow_run_id"])
    assert run.info.run_name == "retrain · shapley · darts/digits · s0 · digits r1"
    curves = {"accuracy/train": 0.75, "train_loss": 1.0}
    assert run.data.metrics == {**curves, "final/test_error": 0.5}
    assert run.data.tags["mlflow.source.name"] == "python -m pipeline retrain"
    assert run.data.tags["mlflow.source.git.commit"] == run.data.tags["git_commit"]
    (found,) = run.inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("digits", "0123456789abcdef" * 2)
    assert "scikit-learn" in found.dataset.source
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]
    experiment = client().get_experiment(ids["mlflow_experiment_id"])
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    page = f"#/experiments/{experiment.experiment_id}/runs/{parent}/artifacts/report.html"
    note = run.data.tags["mlflow.note.content"]
    assert note == f"**50.00 % test error**\n\n[report]({page})"
    assert "report.html" in {f.path for f in client().list_artifacts(parent)}

    said = client().get_run(parent).data.tags["mlflow.note.content"]
    assert said.startswith("**NAS-Bench-201: found cells looked up**\n\nShapley-NAS reaches ")
    assert "\n| Method | CIFAR-10 test (%) |" in said and page in said
    assert lookup.runs_address(RESULTS) == (
        f"{mirrored.UI}/#/experiments/{experiment.experiment_id}/runs?workflowType=machine_learning"
    )


def test_without_a_workflow_the_address_is_of_all_experiments(tmp_path):
    assert lookup.runs_address(tmp_path) == f"{mirrored.UI}/#/experiments"


def test_a_run_is_looked_up_by_its_id(tree):
    begin()
    run_id = stage()
    found = lookup.recorded(run_id)
    assert found.params["seed"] == "0" and found.metrics == {"final/test_error": 1.0}
    with pytest.raises(InputError, match="no such run"):
        lookup.recorded("f" * 32)


def test_a_journal_without_a_form_is_of_files(tmp_path):
    begun = {"key": "1", "stage": "search", "name": "toy", "experiment": "toy", "workflow": None}
    start = {"event": "start", "time": 0, **begun, "params": {}, "tags": {}}
    added = {"event": "artifact", "time": 0, "path": "a.json"}
    (tmp_path / journal.NAME).write_text(json.dumps(start) + "\n" + json.dumps(added) + "\n")
    assert journal.read(tmp_path / journal.NAME).artifacts == [(tmp_path / "a.json", "file")]
