"""Which source stands behind a registered thing, and what a run keeps of it."""

from __future__ import annotations

import hashlib
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import registry
from pipeline.config import code
from pipeline.registry import sources

ROOT = Path(__file__).parents[2]


def test_a_digest_is_that_of_the_file() -> None:
    module = "pipeline.strategies.random"
    content = (ROOT / "pipeline" / "strategies" / "random.py").read_bytes()
    assert sources.module_of("strategies", "random") == module
    assert sources.digest(module) == hashlib.sha256(content).hexdigest()[: sources.LENGTH]


@pytest.mark.parametrize(
    ("kind", "name", "modules"),
    [
        ("strategies", "darts", ["strategies.darts"]),
        # A subclass stands on the module of its base.
        (
            "strategies",
            "darts_shapley_frozen",
            ["strategies.darts_shapley_frozen", "strategies.darts_shapley"],
        ),
        ("estimators", "truncated", ["shapley.truncated", "shapley.permutation"]),
        ("spaces", "s1", ["spaces.robust_darts", "spaces.darts"]),
        ("datasets", "digits", ["data.digits"]),
    ],
)
def test_modules_behind_a_thing(kind: str, name: str, modules: list[str]) -> None:
    assert sources.modules_of(kind, name) == [f"pipeline.{module}" for module in modules]


def test_a_job_names_its_space_strategy_estimator_and_data_set() -> None:
    job = {"space": "darts", "algorithm": "shapley", "settings": {"estimator": "owen"}}
    named = code.things(job, "digits")
    assert dict(named) == {
        "spaces": "darts",
        "strategies": "shapley",
        "estimators": "owen",
        "datasets": "digits",
    }
    assert "pipeline.shapley.multilinear:" in code.digests(job)
    assert code.things({"dataset": "my_images"}) == ()  # a folder of one's own has no source


def test_what_is_in_use_is_what_computes_and_was_loaded() -> None:
    """In a process of its own, which has imported nothing else."""
    program = (
        "from pipeline import registry; from pipeline.registry import sources\n"
        "things = (('strategies', 'shapley'), ('estimators', 'truncated'))\n"
        "registry.get('strategies', 'shapley')\n"
        "print(*sources.in_use(things))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    used = {name.removeprefix("pipeline.") for name in done.stdout.split()}
    assert {"strategies.shapley", "strategies.weights", "shapley.truncated", "seeds"} <= used
    for other in ("strategies.darts", "shapley.exact", "registry.spaces", "config.jobs"):
        assert other not in used


def test_what_has_changed_since_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "theirs"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text("a = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    record = {"theirs.search": sources.digest("theirs.search")}
    assert sources.changed(record) == []
    (package / "helper.py").write_text("a = 2\n")  # anywhere in another package
    sources.digest.cache_clear()
    assert sources.changed(record) == ["theirs.search"]
    assert sources.changed({"pipeline.strategies.gone": "0123"}) == ["pipeline.strategies.gone"]


def test_a_thing_without_a_file_has_an_empty_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.names("spaces")
    monkeypatch.setitem(registry._entries, "spaces", dict(registry._entries["spaces"]))
    registry.add("spaces", registry.Entry("mine", "made_by_hand:mine"))
    assert sources.digests((("spaces", "mine"),)) == {"made_by_hand": ""}
