"""`nasbench_digits` is a stage: it continues after a kill, and has a journal and a provenance."""

import numpy as np
import pandas as pd
import pytest

from pipeline import journal, paths
from pipeline.errors import InputError
from pipeline.files import read_json
from pipeline.nasbench import cells
from pipeline.stages import digits_table
from pipeline.stages.digits_table import NAME, Recipe

RECIPE = Recipe(together=3)
MANIFEST = {"name": "digits", "fingerprint": "of the images"}
FOLDER = paths.NASBENCH_DIGITS.removeprefix(f"{paths.ROOT}/")


@pytest.fixture
def trained(monkeypatch):
    """Chunks of three distinct cells whose networks are their numbers; those trained so far."""
    done = []

    def train(recipe, codes, images, seed):
        if len(done) == done_before_the_kill[0]:
            raise KeyboardInterrupt
        done.append(len(codes))
        return codes

    done_before_the_kill = [None]
    few = np.minimum(np.arange(cells.N_ARCHITECTURES), 6)  # seven cells; all others are the last
    monkeypatch.setattr(digits_table, "distinct", lambda: few)
    monkeypatch.setattr(digits_table, "open_images", lambda *given: given)
    monkeypatch.setattr(digits_table, "train", train)
    monkeypatch.setattr(
        digits_table, "measure", lambda codes, images: codes.sum(1).astype(np.float64)
    )
    return done, done_before_the_kill


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes the table in a results folder; the folder of the table and that of its state."""
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")

    def make_in(preset, manifest=MANIFEST, recipe=RECIPE):
        results = tmp_path / preset
        monkeypatch.setenv("SHAPLEY_NAS_RESULTS", str(results))
        out, state = results / FOLDER, results / paths.STATE / FOLDER
        digits_table.run(recipe, manifest, None, None, out)
        return out, state

    return make_in


def test_a_killed_one_goes_on_after_its_last_chunk_with_the_same_table(trained, make, tmp_path):
    done, kill_after = trained
    whole, _ = make("whole")
    assert len(done) == 6, "three chunks, two seeds"
    kill_after[0] = len(done) + 4
    with pytest.raises(KeyboardInterrupt):
        make("cut")
    begun = journal.read(tmp_path / "cut" / paths.STATE / FOLDER / journal.NAME)
    assert begun.status == "FAILED" and not (tmp_path / "cut" / FOLDER / NAME).exists()
    kill_after[0] = None
    out, state = make("cut")
    assert (out / NAME).read_bytes() == (whole / NAME).read_bytes()
    assert len(done) == 12, "no chunk twice"
    assert not list(state.glob("*.pt*"))
    ended = journal.read(state / journal.NAME)
    assert (ended.key, ended.status) == (begun.key, "FINISHED"), "one run, in two processes"
    frame = pd.read_csv(whole / NAME)
    codes = np.array([*cells.codes()])
    expected = codes[np.minimum(np.arange(len(codes)), 6)].sum(1)
    assert frame["digits_test_seed1"].tolist() == expected.tolist()


def test_it_is_recorded_like_every_result(trained, make):
    out, state = make("demo")
    record, metrics = read_json(out / "provenance.json"), read_json(out / "metrics.json")
    assert (record["stage"], record["run"]) == ("digits-table", FOLDER)
    assert record["settings"] == RECIPE.model_dump()
    assert record["data"]["fingerprint"] == MANIFEST["fingerprint"]
    assert (metrics["cells"], metrics["seeds"]) == (7, 2)
    numbers = cells.codes()[:7].sum(1)
    assert metrics["digits_test_mean"] == pytest.approx(numbers.mean())
    listed = [path.name for path, _ in journal.read(state / journal.NAME).artifacts]
    assert listed == [NAME, "provenance.json", "log.txt"]


@pytest.mark.parametrize(
    ("manifest", "recipe", "key"),
    [({**MANIFEST, "fingerprint": "of others"}, RECIPE, "data"), (MANIFEST, Recipe(), "together")],
)
def test_chunks_of_other_images_or_settings_are_refused(trained, make, manifest, recipe, key):
    done, kill_after = trained
    kill_after[0] = 2
    with pytest.raises(KeyboardInterrupt):
        make("demo")
    kill_after[0] = None
    with pytest.raises(InputError, match=rf"digits\.pt.*{key}"):
        make("demo", manifest, recipe)
    assert len(done) == 2
