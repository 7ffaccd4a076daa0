"""What fills the disk, and what `clean-state` takes away and leaves."""

import os
from pathlib import Path

import pytest

from pipeline import disk, journal, locks, paths
from pipeline.errors import InputError
from pipeline.files import write_json
from tests.tracking import toys
from tests.tracking.conftest import database, tree

__all__ = ["database", "tree"]  # fixtures
RESULTS = Path("results")
DONE = "darts/digits/shapley/seed0/search"
CUT_OFF = "darts/digits/shapley/seed1/search"


def fill(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))


@pytest.fixture
def full(tree):
    """A finished run and one that was cut off, each with a checkpoint; other things beside."""
    state = RESULTS / "demo" / "state"
    toys.begin(state=state)
    for name in (DONE, CUT_OFF):
        fill(state / name / "log.txt", 10)
        try:
            with toys.child(name, tags={"run": name}, state=state) as run:
                run.append_metrics({"loss": 1.0}, 0)
                run.append_artifact(state / name / "log.txt")
                if name == CUT_OFF:
                    raise RuntimeError("cut off")
        except RuntimeError:
            pass
        fill(state / name / "search.pt", 300_000)
    toys.mirror(state)
    locks.release_workflow(state)
    write_json(RESULTS / "demo" / DONE / "metrics.json", {})
    fill(RESULTS / "demo/darts/digits/shapley/seed0/retrain/digits/rseed0/model.pt", 900_000)
    fill(RESULTS / "demo/logs/search/a.log", 50_000)
    fill(tree / ".snakemake/log/b.log", 20_000)
    fill(tree / "data/cifar/batch", 2_000_000)
    os.link(tree / "data/cifar/batch", tree / "data/cifar/again")
    return state


def test_usage_by_preset_stage_and_kind_largest_first(full, tree):
    shares = disk.usage(tree, RESULTS, tree / "data")
    assert [s.size for s in shares] == sorted((s.size for s in shares), reverse=True)
    of = {(s.preset, s.stage, s.kind): s for s in shares}
    assert shares[0].kind in ("data: cifar", "MLflow store")
    assert of["", "", "data: cifar"].n_files == 1, "a second name takes no room"
    assert 2_000_000 <= of["", "", "data: cifar"].size < 2_100_000
    assert 900_000 <= of["demo", "retrain", "models"].size < 1_000_000
    assert 600_000 <= of["demo", "search", "checkpoints"].size < 700_000
    assert of["demo", "search", "journals and logs"].n_files == 4
    assert of["demo", "search", "logs"].n_files == of["", "", "logs"].n_files == 1
    assert of["", "", "MLflow store"].size > 0


def test_sizes_are_readable():
    assert [disk.readable(n) for n in (999, 1500, 2.5e6, 7.1e9, 3e12)] == [
        "999 B", "1.5 kB", "2.5 MB", "7.1 GB", "3.0 TB",
    ]  # fmt: skip


def test_clean_state_keeps_what_can_be_resumed(full):
    done = disk.clean_state(RESULTS)
    assert done.n_runs == 1 and done.n_waiting == 0 and done.size >= 300_000
    assert not (full / DONE).exists()
    kept = {path.name for path in (full / CUT_OFF).iterdir()}
    assert kept == {"search.pt", "log.txt", "journal.jsonl"}
    assert disk.clean_state(RESULTS).n_runs == 0
    assert (RESULTS / "demo" / DONE / "metrics.json").exists()


def test_clean_state_keeps_a_journal_that_mlflow_lacks(full, monkeypatch):
    with monkeypatch.context() as away:
        away.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        away.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
        assert disk.clean_state(RESULTS).n_waiting == 1
    # The journal names log.txt as an artifact, which is yet to be sent.
    assert {path.name for path in (full / DONE).iterdir()} == {journal.NAME, "log.txt"}
    assert disk.clean_state(RESULTS).n_waiting == 0
    assert not (full / DONE).exists()


def test_a_journal_alone_does_not_make_a_run_finished(full):
    (RESULTS / "demo" / DONE / "metrics.json").unlink()  # Snakemake makes it again
    assert disk.clean_state(RESULTS).n_runs == 0
    assert (full / DONE / "search.pt").exists()


def test_clean_state_leaves_a_workflow_at_work_alone(full):
    locks.take_workflow(full, os.getpid())
    with pytest.raises(InputError, match="at work"):
        disk.clean_state(RESULTS)
    assert (full / DONE / "search.pt").exists()


def test_every_stage_has_a_line_of_its_own():
    places = ["seed0/" + stage for stage in ("search", "genotype", "trial", "query", "removal")]
    places += ["seed0/ranking", "seeds500/queries", "seed0/retrain/digits/rseed0"]
    for place in places:
        folder = f"nasbench201/digits/shapley/{place}"
        stage = paths.parse(folder).stage
        assert stage in disk.STAGES and disk._stage((*folder.split("/"), "a.json")) == stage


def test_a_symbolic_link_goes_and_what_it_leads_to_stays(full, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "precious").write_text("x")
    state = RESULTS / "demo" / "state" / DONE
    (state / "link").symlink_to(elsewhere)
    (state / "broken").symlink_to("nowhere")
    disk.clean_state(RESULTS)
    assert not (state / "link").is_symlink() and not (state / "broken").is_symlink()
    assert (elsewhere / "precious").exists()
