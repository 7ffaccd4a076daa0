"""Readings of walks by hand, and of blocks of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose

from pipeline import paths
from pipeline.config import studies
from pipeline.studies import estimators
from pipeline.studies.walks import Walks

# Two players; leaving order 0, 1 twice and 1, 0 once; V after 0, 1, 2 departures.
WALKS = Walks(
    np.array([[0, 1], [0, 1], [1, 0]]),
    np.array([[[1.0, 0.4, 0.0], [1.0, 0.2, 0.0], [1.0, 0.9, 0.1]]] * 3),
)


def test_readings_of_walks() -> None:
    """Player 0 adds 0.6, 0.8 as the first to leave and 0.8 as the last; player 1: 0.4, 0.2, 0.1."""
    assert_allclose(WALKS.phi(), [2.2 / 3, 0.7 / 3])
    assert_allclose(WALKS.phi(sizes=(1, 2)), [0.7, 0.1])  # one other is there
    assert_allclose(WALKS.phi(sizes=(0, 1)), [0.8, 0.3])
    # After a drop of 0.6 and 0.8 > 0.5 the first two walks stop.
    assert_allclose(WALKS.phi(eta=0.5), [2.2 / 3, 0.1])


def test_blocks_of_a_run_against_another(tmp_path: Path) -> None:
    """Additive worths: by the value without noise a block of four agrees, by the noisy one less."""
    study = studies.Study(
        name="toy",
        trainings={"uniform": {"algorithm": "frozen"}},
        ages=(1,),
        walks={name: {"stream": [name], "permutations": 9} for name in ("first", "second")},
        measurements={},
    )
    rng = np.random.default_rng(0)
    worth = rng.normal(size=24)
    for which in study.walks:
        orders = np.stack([rng.permutation(24) for _ in range(9)])
        left = worth[orders][:, ::-1].cumsum(axis=1)[:, ::-1]
        V = np.concatenate([left, np.zeros((9, 1))], axis=1)
        noisy = V + rng.normal(size=V.shape)
        folder = study.folder(paths.WALK, supernet="uniform_1", walk=which)
        path = tmp_path / folder / "walks.npz"
        path.parent.mkdir(parents=True)
        np.savez(path, orders=orders, V=np.stack([noisy, V, V]))
    rows = [*estimators.block_rows(study, tmp_path)]
    assert {row["permutations"] for row in rows} == {4, 8}
    four = {row["reading"]: row["tau"] for row in rows if row["permutations"] == 4}
    assert four["accuracy"]["n"] == 2
    assert four["soft_accuracy"]["mean"] > four["accuracy"]["mean"] > 0.2
    exact = estimators.read_walk(study, tmp_path, "uniform_1", "first").phi("soft_accuracy")
    assert_allclose(exact, worth)
