"""`report-bug`: what it prints, and from which folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipeline import machine
from pipeline.verbs import project


def settings_in(report: str) -> dict:
    """The settings that a report shows."""
    return yaml.safe_load(report.partition("```yaml\n")[2].partition("```")[0])


def write_log(path: Path, lines: int = 100, time: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(f"{path.stem} {line}" for line in range(lines)))
    os.utime(path, (time, time))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of a user who has changed no setting."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("")
    return tmp_path


def test_the_report_is_short_and_has_no_secret(call: Callable, folder: Path) -> None:
    log = folder / "results" / "demo" / "logs" / "search.log"
    write_log(log, lines=2)
    log.write_text("snakemake --token xyz1\nAuthorization: Bearer abc9\nepoch 3: loss 0.5\n")
    code, report, _ = call("report-bug")
    assert code == 0
    assert settings_in(report) == {"preset": "demo"}
    assert len(report.splitlines()) < 40
    assert "xyz1" not in report and "abc9" not in report
    assert "epoch 3: loss 0.5" in report


def test_the_report_shows_the_changed_settings_only(call: Callable, folder: Path) -> None:
    own = {
        "preset": "laptop",
        "seeds": [7, 8],
        "search": {"darts": {"epochs": 77}},
        "strategies": {"mine": {"algorithm": "shapley", "settings": {"permutations": 3}}},
    }
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(own))
    code, report, _ = call("report-bug", "--set", "data_root=elsewhere")
    assert code == 0
    shown = settings_in(report)
    assert shown.pop("strategies").keys() == {"mine"}
    assert shown == {key: own[key] for key in ("preset", "seeds", "search")} | {
        "data_root": "elsewhere"
    }


def test_a_preset_of_the_user_is_shown(call: Callable, folder: Path) -> None:
    (folder / "config" / "presets").mkdir()
    (folder / "config" / "presets" / "mine.yaml").write_text("seeds: [5]\n")
    _, report, _ = call("report-bug", "--preset", "mine")
    assert settings_in(report)["preset"] == "mine"
    assert settings_in(report)["seeds"] == [5]


def test_the_log_is_read_from_the_given_results(call: Callable, folder: Path) -> None:
    write_log(folder / "results" / "demo" / "logs" / "new.log", time=2)
    write_log(folder / "elsewhere" / "laptop" / "logs" / "search" / "old.log")
    assert "new 99" in call("report-bug")[1]
    for results in ("elsewhere", "elsewhere/laptop"):
        report = call("report-bug", "--results", results)[1]
        assert "old 99" in report and "new 99" not in report
    assert "no log in nowhere" in call("report-bug", "--results", "nowhere")[1]


def test_the_last_lines_of_the_newest_log_are_shown(tmp_path: Path) -> None:
    for name, time in (("old", 1), ("new", 2)):
        write_log(tmp_path / "demo" / "logs" / "search" / f"{name}.log", time=time)
    shown = project.last_log(tmp_path).splitlines()
    assert shown[0].endswith("new.log")
    assert shown[-1] == "new 99"
    assert len(shown) == 1 + project.LAST_LINES


def test_the_gpu_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "DRIVER", tmp_path)
    assert project.gpus() == "none"
    (tmp_path / "0000:01:00.0").mkdir()
    assert project.gpus() == "of unknown name"
    information = "Model: \t\t NVIDIA H200\nIRQ:   \t\t 92\n"
    (tmp_path / "0000:01:00.0" / "information").write_text(information)
    assert project.gpus() == "NVIDIA H200"
