"""What a journal says, whoever wrote it, as MLflow takes it: names, values and products."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import journal, mirrored
from pipeline.tracking import recorder
from pipeline.tracking.mirror import fitting, fitting_texts
from tests.tracking.toys import STATE, begin, child, client, end, history, mirror, runs

ODD = ["", ".", "..", "/", "a/", "a//b", "../a", "a(b)=c", "x" * 251, "é", "a\nb", "a\0b"]
NAMES = st.one_of(st.text(), st.sampled_from(ODD), st.text("./ab", max_size=8))


@settings(deadline=None)  # the first one imports mlflow
@given(NAMES)
def test_mlflow_takes_any_name(name):
    from mlflow.utils import validation

    validation._validate_param_name(fitting(name))
    validation._validate_metric_name(fitting(name))
    validation._validate_tag_name(fitting(name))
    assert fitting(fitting(name)) == fitting(name)


@given(st.sets(NAMES, max_size=5))
def test_names_stay_different(names):
    assert len({fitting(name) for name in names}) == len(names)


@settings(deadline=None)
@given(st.text() | st.text(min_size=6001, max_size=6100))
def test_mlflow_takes_any_value(value):
    from mlflow.utils import validation

    (fits,) = fitting_texts({"name": value}).values()
    validation._validate_param("name", fits)
    validation._validate_tag("name", fits)
    assert "\0" not in fits, "PostgreSQL takes none"
    assert fits == value or len(value) > 500 or "\0" in value


def test_names_and_values_that_mlflow_does_not_take_are_recorded_shortened(tree, warned):
    begin()
    with child(
        "b", {"x" * 300: 1, "good": 2, **dict.fromkeys(ODD, 3)}, {"long": "y" * 7000}
    ) as run:
        run.append_metrics({"m" * 300: 0.5, "loss": 1.0}, 0)
    end("FINISHED")
    assert mirror() == 2
    told, *_ = warned()
    assert "state/b/journal.jsonl" in told and "shortened" in told
    (sent,) = runs()[1:]
    assert sent.info.status == "FINISHED" and len(sent.data.params) == 2 + len(ODD)
    assert sent.data.params["good"] == "2" and len(sent.data.metrics) == 2
    assert len(sent.data.tags["long"]) == 500
    assert recorder.sync(Path("results")) == 0 and warned() == []


def test_a_long_parameter_is_whole_in_the_journal_and_shortened_in_mlflow(tree, warned):
    begin()
    layers = [0] * 400
    with child("deep", {"layers": layers}):
        pass
    end("FINISHED")
    assert mirror() == 2
    (told,) = warned()
    assert "state/deep/journal.jsonl" in told and "'layers' shortened" in told
    assert "values of 500 characters" in told and "the journal has all of it" in told
    assert journal.read(STATE / "deep" / journal.NAME).start["params"] == {"layers": str(layers)}
    (sent,) = runs()[1:]
    assert len(sent.data.params["layers"]) == 500 and sent.data.params["layers"].endswith("…")


def test_a_run_whose_journal_has_cut_parameters_is_resumed(tree, warned):
    """Earlier versions cut long parameters before they wrote them, and named final metrics."""
    params = {"layers": [0] * 400, "seed": 0}
    cut = {"layers": str(params["layers"])[:499] + "…", "seed": "0"}
    path = STATE / "deep" / journal.NAME
    older = journal.begin(path, "search", "deep", "toy", None, cut, {"run": "deep"})
    older.append_metrics({"loss": 1.0}, 0)
    older.append_metrics({"final/loss": 0.5}, 2)
    assert recorder.sync(Path("results")) == 1
    with child("deep", params) as run:
        assert run.key == older.key, "the same run goes on"
        run.append_metrics({"loss": 0.75}, 1)
        run.append_metrics({"loss": 0.5}, 2, "result")
    assert recorder.sync(Path("results")) == 1
    (sent,) = runs()
    assert sent.info.status == "FINISHED" and sent.data.params == cut
    assert history(sent) == [(0, 1.0), (1, 0.75)] and history(sent, "final/loss") == [(2, 0.5)]
    assert warned() == []
    with child("deep", {**params, "layers": [1] * 400}) as run:
        assert run.key != older.key


def foreign(path, *artifacts):
    """A journal that names files of ours, written by somebody else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    start = {"key": "f" * 32, "stage": "search", "name": "search foreign", "experiment": "toy"}
    events = [
        {"event": "start", "time": 1, **start, "workflow": None, "params": {}, "tags": {}},
        *({"event": "artifact", "time": 2, "path": name, "form": form} for name, form in artifacts),
        {"event": "end", "time": 3, "status": "FINISHED"},
    ]
    path.write_text("\n".join(map(json.dumps, events)))


@pytest.mark.parametrize("form", ["file", "table", "model", "of another version"])
def test_only_regular_files_of_the_results_are_sent(form, tree, warned):
    secret = tree / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    inside = tree / "results" / "toy"
    inside.mkdir(parents=True)
    (inside / "link.csv").symlink_to(secret)
    os.mkfifo(inside / "pipe.csv")
    (inside / "folder.csv").mkdir()
    (inside / "ours.csv").write_text("a,b\n1,2\n")
    names = ["link.csv", "pipe.csv", "folder.csv", "missing.csv", "ours.csv"]
    outside = ["../../../secret.csv", str(secret), "../../../../../../../../etc/passwd"]
    listed = [*outside, *(f"../../toy/{name}" for name in names)]
    foreign(STATE / "toy" / journal.NAME, *((name, form) for name in listed))
    assert recorder.sync(Path("results")) == 1
    run_id = runs()[0].info.run_id
    sent = [file.path for file in client().list_artifacts(run_id) if not file.is_dir]
    sent += [file.path for file in client().list_artifacts(run_id, "tables")]
    assert {Path(name).stem for name in sent} == {"ours"}
    refused = [line for line in warned() if "is no file of these results" in line]
    assert len(refused) == 6, "three outside, a link to one, a pipe, a folder"


def test_a_journal_that_says_anything_holds_up_no_other(tree):
    begin()
    with child("good") as run:
        run.append_metrics({"loss": 1.0}, 0)
    huge = {"event": "metrics", "time": 1, "step": 2**70, "values": {"loss": 1.0}}
    wrong = {"event": "start", "time": -1, "key": "../../x", "experiment": "toy"}
    lines = ["[" * 100_000, "7", "null", json.dumps(huge), json.dumps(wrong), "\ud800", "{"]
    for i, line in enumerate(lines):
        path = STATE / f"bad{i}" / journal.NAME
        foreign(path)
        path.write_bytes(
            path.read_bytes() + b"\n" + line.encode("utf-8", "surrogatepass") + b"\xff"
        )
    os.mkfifo(STATE / "journal-pipe.jsonl")
    end("FINISHED")
    mirror()
    (good,) = (run for run in runs() if run.info.run_name == "search · good")
    assert history(good) == [(0, 1.0)]
    assert recorder.sync(Path("results")) == 0


def test_the_state_of_an_earlier_version_is_mirrored_or_said_to_be_old(tree, warned):
    """Journals knew no form of a product; the study was another; the parent's id had a file."""
    foreign(STATE / "toy" / journal.NAME)
    path = STATE / "toy" / journal.NAME
    product = tree / "results" / "cell.svg"
    product.write_text("<svg/>")
    added = {"event": "artifact", "time": 2, "path": "../../cell.svg"}
    end_of = path.read_text().splitlines()[-1]
    path.write_text(path.read_text().replace(end_of, json.dumps(added) + "\n" + end_of))
    path.write_text(path.read_text().replace('"tags": {}', '"tags": {"run": "toy"}'))
    (STATE / "study.json").write_text('{"experiments": [{"title": "without what is needed now"}]}')
    (STATE / "mlflow_parent.json").write_text('{"key": "1", "experiment": "toy", "run_id": null}')
    (STATE / mirrored.NAME).write_text('["of another form"]\n{"key": 7}\n')
    assert recorder.sync(Path("results")) == 1
    (sent,) = runs()
    assert [file.path for file in client().list_artifacts(sent.info.run_id)] == ["cell.svg"]
    assert any("study.json: not of this version" in line for line in warned())
