"""What a stage keeps of the code that made its result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import provenance
from pipeline.config.jobs import SearchJob
from pipeline.config.recipes import SearchSettings
from pipeline.stages.stage import stage

JOB = SearchJob(
    space="darts", algorithm="shapley", settings={"estimator": "owen"}, search=SearchSettings()
)


@pytest.fixture
def other_code(monkeypatch: pytest.MonkeyPatch) -> str:
    """The code as it was before an edit."""
    now = provenance.code()
    before = {**now, "source_digest": "0" * 64}
    monkeypatch.setattr(provenance, "code", lambda: before)
    return before["source_digest"]


def stopped(out: Path, checkpoint: bool) -> None:
    """A search that is cut off."""
    with pytest.raises(KeyboardInterrupt), stage("search", out, JOB, 0) as s:
        if checkpoint:
            (s.state / "search.pt").write_bytes(b"")
        raise KeyboardInterrupt


def finished(out: Path) -> dict:
    with stage("search", out, JOB, 0) as s:
        s.finish({"epochs": 1})
    record: dict = json.loads((out / "provenance.json").read_text())
    return record


def test_the_record_names_the_modules_that_computed(tmp_path: Path) -> None:
    modules = finished(tmp_path / "out")["modules"]
    assert {"pipeline.stages.stage", "pipeline.shapley.multilinear"} <= modules.keys()
    assert "pipeline.shapley.exact" not in modules  # another estimator, though it is imported
    assert all(len(digest) == 12 for digest in modules.values())


def test_who_goes_on_under_other_code_says_so(
    tmp_path: Path,
    other_code: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped(tmp_path / "out", checkpoint=True)
    monkeypatch.undo()
    record = finished(tmp_path / "out")
    now = provenance.source_digest()
    assert f"goes on under other code: source_digest {other_code} -> {now}" in (
        capsys.readouterr().err
    )
    assert [code["source_digest"] for code in record["earlier_code"]] == [other_code]
    assert record["source_digest"] == now


@pytest.mark.parametrize("same", [True, False], ids=["same code", "no checkpoint"])
def test_who_starts_anew_or_under_the_same_code_does_not(
    tmp_path: Path, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not same:
        before = {**provenance.code(), "source_digest": "0" * 64}
        monkeypatch.setattr(provenance, "code", lambda: before)
    stopped(tmp_path / "out", checkpoint=same)
    monkeypatch.undo()
    assert "earlier_code" not in finished(tmp_path / "out")
