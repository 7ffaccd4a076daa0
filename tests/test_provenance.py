"""What a result's record says about code, settings and machine."""

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys

import pytest

from pipeline import files, provenance
from pipeline.config.recipes import SearchSettings

GIT = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-C", folder, *arguments],
        env={**os.environ, **GIT},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A committed package in place of ours."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    monkeypatch.setattr(provenance, "PACKAGE", folder)
    provenance.code.cache_clear()
    yield folder
    provenance.code.cache_clear()


def test_commit_and_dirty_flag_agree_with_git(package):
    clean = provenance.code()
    assert clean["git_commit"] == git(package, "rev-parse", "HEAD")
    assert clean["git_dirty"] is False
    (package / "new_strategy.py").write_text("x = 1\n")
    assert provenance.code() == clean, "the code of a process is what it was when it started"
    provenance.code.cache_clear()
    assert provenance.code()["git_dirty"] is True, "a new file changes results before it is added"


def test_an_installed_copy_does_not_take_the_commit_of_the_repository_around_it(
    package, monkeypatch
):
    installed = package.parent / ".venv" / "package"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    monkeypatch.setattr(provenance, "PACKAGE", installed)
    assert provenance.code()["git_commit"] is None
    assert provenance.code()["git_dirty"] is None


def test_without_git_the_record_is_made_all_the_same(package, monkeypatch):
    monkeypatch.setenv("PATH", str(package))
    assert provenance.code()["git_commit"] is None
    assert len(provenance.code()["source_digest"]) == 64


def test_source_digest_sees_every_change_of_source_and_nothing_else(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "sub" / "b.py").write_text("2")
    before = provenance.source_digest(tmp_path)
    lines = "".join(
        f"{name}\0{hashlib.sha256(text).hexdigest()}\n"
        for name, text in (("a.py", b"1"), ("sub/b.py", b"2"))
    )
    assert before == hashlib.sha256(lines.encode()).hexdigest()
    (tmp_path / "notes.txt").write_text("no code")
    assert provenance.source_digest(tmp_path) == before
    (tmp_path / "sub" / "b.py").rename(tmp_path / "sub" / "c.py")
    assert provenance.source_digest(tmp_path) != before


def test_settings_digest_depends_on_values_not_on_their_order():
    assert provenance.settings_digest({"a": 1, "b": {"c": 2, "d": 3}}) == (
        provenance.settings_digest({"b": {"d": 3, "c": 2}, "a": 1})
    )
    assert provenance.settings_digest({"a": 1}) != provenance.settings_digest({"a": 2})
    model = SearchSettings(epochs=3)
    assert provenance.settings_digest(model) == provenance.settings_digest(model.model_dump())


def test_record_is_json_and_says_what_was_asked(tmp_path):
    manifest = {"name": "digits", "fingerprint": "abc", "mean": [0.5]}
    record = provenance.collect(SearchSettings(), 3, "cpu", 12.3456, manifest)
    files.write_json(tmp_path / "provenance.json", record)
    record = files.read_json(tmp_path / "provenance.json")
    assert record["seed"] == 3 and record["device"] == "cpu" and record["seconds"] == 12.346
    assert record["data"] == {"name": "digits", "fingerprint": "abc"}
    assert record["settings"]["supernet"]["channels"] == 16
    assert record["python"] == ".".join(map(str, sys.version_info[:3]))
    assert record["versions"]["numpy"] == importlib.metadata.version("numpy")
    assert record["cpu"]


def test_threads_are_those_of_torch():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert provenance.collect({}, 0, "cpu", 0.0)["threads"] == 1
    finally:
        torch.set_num_threads(before)


def test_neither_torch_nor_mlflow_is_imported():
    program = (
        "import sys, json; from pipeline import provenance, tracking;"
        "record = provenance.collect({}, 0, 'cpu', 0.0);"
        "print(json.dumps([record['threads'], 'torch' in sys.modules, 'mlflow' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert json.loads(done.stdout) == [None, False, False]


def test_parameters_are_flat_text_in_full():
    settings = {"a": {"b": 1, "c": {"d": None}}, "flag": True, "rate": 1e-3, "text": "t"}
    assert provenance.flatten(settings) == {
        "a.b": "1",
        "a.c.d": "null",
        "flag": "true",
        "rate": "0.001",
        "text": "t",
    }
    assert provenance.flatten({"long": [0] * 400}) == {"long": str([0] * 400)}
