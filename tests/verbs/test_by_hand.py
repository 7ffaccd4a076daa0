"""A verb by hand with other settings than the workflow's leaves the workflow's results alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import cli as program

ROOT = Path(__file__).parents[2]
OTHER = ("--set", "search.nasbench201.epochs=3")
PLACE = "nasbench201/digits/random/seed0/search"
THEIRS, OURS = (Path("results/demo", *part, PLACE) for part in ((), ("by_hand",)))


@pytest.fixture
def search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable:
    """Search at random, which takes no time, where the workflow has done so: code, stderr."""
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPLEY_NAS_RESULTS", "results/demo")
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")
    monkeypatch.setattr(program.signal, "signal", lambda *_: None)

    def call(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["pipeline", *map(str, words)])
        try:
            program.main()
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().err
        return 0, capsys.readouterr().err

    def search(*words: object) -> tuple[int, str]:
        where = ("--space", "nasbench201", "--dataset", "digits", "--strategy", "random")
        return call("search", *where, "--threads", 1, "--device", "cpu", *words)

    assert call("prepare", "--dataset", "digits")[0] == 0
    assert search()[0] == 0
    return search


def test_it_goes_elsewhere_and_says_so(search: Callable) -> None:
    before = (THEIRS / "provenance.json").read_bytes()
    code, said = search(*OTHER)
    assert code == 0
    assert f"the results go to {OURS}" in said
    assert json.loads((OURS / "provenance.json").read_text())["settings"]["search"]["epochs"] == 3
    assert (THEIRS / "provenance.json").read_bytes() == before


def test_it_writes_into_no_folder_of_the_workflow(search: Callable) -> None:
    for folder in (THEIRS, str(THEIRS).replace("seed0", "seed7")):
        code, said = search(*OTHER, "--out", folder)
        assert code == 2
        assert f"--out {folder}: a folder of the workflow" in said
    assert search(*OTHER, "--out", "mine")[0] == 0


def test_data_that_are_cut_otherwise_go_elsewhere_too(search: Callable) -> None:
    cut = ("--set", "split.seed=3")
    code, said = search(*cut)
    assert code == 2
    assert "results/demo/by_hand/data/digits/manifest.json: no such file" in said


def test_it_refuses_where_the_workflow_was_told_otherwise(search: Callable) -> None:
    """As after `snakemake --config`, of which no file knows."""
    assert search()[0] == 0  # again, by the same settings
    path = THEIRS / "provenance.json"
    record = json.loads(path.read_text())
    record["settings"]["search"]["epochs"] = 4
    path.write_text(json.dumps(record))
    code, said = search()
    assert code == 2
    assert (
        f"{THEIRS}: holds a result of the workflow that was made with other settings or data"
        in said
    )
