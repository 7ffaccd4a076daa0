"""The study of known games: their values, the errors on them, and its measurement."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import studies
from pipeline.config.load import FOLDER
from pipeline.errors import InputError
from pipeline.files import read_json
from pipeline.shapley import estimate
from pipeline.stages import measuring
from pipeline.studies import games

ROOT = Path(__file__).parents[2]


def test_games_have_the_values_of_their_formulas() -> None:
    """Additive games share out each player's own worth; the longest runway is paid as in 1973."""
    n, additive = games.games()["additive"]
    alone = additive(np.eye(n, dtype=bool))
    np.testing.assert_allclose(estimate(additive, n, "exact").phi, alone)
    n, airport = games.games()["airport"]
    costs = airport(np.eye(n, dtype=bool))  # sorted
    shares = np.cumsum(np.diff(costs, prepend=0) / np.arange(n, 0, -1))
    np.testing.assert_allclose(estimate(airport, n, "exact").phi, shares)


def test_an_estimator_that_is_exact_has_no_error() -> None:
    n, V = games.games()["additive"]
    truth = V(np.eye(n, dtype=bool))
    assert games.mean_error("leverage", n, V, truth, 20, 2) == pytest.approx(0, abs=1e-9)
    assert games.mean_error("leverage", n, V, truth * 2, 20, 2) == pytest.approx(0.5)


def test_the_study_writes_the_columns_of_the_docs(tmp_path, monkeypatch) -> None:
    """One seed of each of our estimators; those of shapiq take a minute."""
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")
    monkeypatch.setattr(games, "THEIRS", {})
    study = studies.load("known_games", "demo", ROOT / FOLDER)
    measuring.run_summary(studies.summary_job(study, "demo"), tmp_path, None, tmp_path / "summary")
    made = read_json(tmp_path / "summary" / "measurements" / "shapley_games.json")
    kept = read_json(ROOT / "docs" / "measurements" / "shapley_games.json")
    assert {key: made[key] for key in ("title", "question", "columns", "notes")} == {
        key: kept[key] for key in ("title", "question", "columns", "notes")
    }
    assert made["command"] == "snakemake --cores all known_games --config preset=demo"
    assert [row["name"] for row in made["rows"]] == [*games.OURS]
    assert all(set(row) == set(kept["columns"]) for row in made["rows"])
    assert sum(row["best_in"] for row in made["rows"]) == 8


def test_each_estimator_of_shapiq_is_asked() -> None:
    pytest.importorskip("shapiq")
    n, V = games.games()["additive"]
    for name in games.THEIRS:
        assert games.phi_by(name, V, n, 20 * n, 0).shape == (n,)


def test_a_missing_shapiq_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "shapiq", None)
    n, V = games.games()["additive"]
    with pytest.raises(InputError, match="pip install shapiq"):
        games.phi_by("shapiq SVARM", V, n, 20 * n, 0)
