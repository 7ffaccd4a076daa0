"""`nasbench_digits` is made chunk by chunk, goes on after a kill, and says whose chunks it has."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.nasbench import cells
from pipeline.stages import digits_table

MANIFEST = {"fingerprint": "of the images"}


@pytest.fixture
def trained(monkeypatch):
    """Chunks of three distinct cells whose networks are their numbers; those trained so far."""
    done = []

    def train(codes, images, seed):
        if len(done) == done_before_the_kill[0]:
            raise KeyboardInterrupt
        done.append(len(codes))
        return codes

    done_before_the_kill = [None]
    few = np.minimum(np.arange(cells.N_ARCHITECTURES), 6)  # seven cells; all others are the last
    monkeypatch.setattr(digits_table, "distinct", lambda: few)
    monkeypatch.setattr(digits_table, "TOGETHER", 3)
    monkeypatch.setattr(digits_table, "open_images", lambda *given: given)
    monkeypatch.setattr(digits_table, "train", train)
    monkeypatch.setattr(
        digits_table, "measure", lambda codes, images: codes.sum(1).astype(np.float64)
    )
    return done, done_before_the_kill


def make(folder, manifest=MANIFEST):
    out = folder / "table.csv.gz"
    digits_table.make(manifest, None, None, folder / "state", out, log=print)
    return out


def test_a_killed_one_goes_on_after_its_last_chunk_with_the_same_table(trained, tmp_path):
    done, kill_after = trained
    whole = make(tmp_path / "whole")
    assert len(done) == 6, "three chunks, two seeds"
    kill_after[0] = len(done) + 4
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "cut")
    kill_after[0] = None
    assert make(tmp_path / "cut").read_bytes() == whole.read_bytes()
    assert len(done) == 12, "no chunk twice"
    assert not (tmp_path / "cut" / "state").exists()
    frame = pd.read_csv(whole)
    codes = np.array([*cells.codes()])
    expected = codes[np.minimum(np.arange(len(codes)), 6)].sum(1)
    assert frame["digits_test_seed1"].tolist() == expected.tolist()


def test_chunks_of_other_images_are_refused(trained, tmp_path):
    done, kill_after = trained
    kill_after[0] = 2
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path)
    kill_after[0] = None
    with pytest.raises(InputError, match=r"digits\.pt.*data"):
        make(tmp_path, {"fingerprint": "of others"})
    assert len(done) == 2
