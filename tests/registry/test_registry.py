"""Entries name things that exist and say of them what is true."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline import registry
from pipeline.config.recipes import SupernetSettings
from pipeline.errors import InputError

KINDS = ("datasets", "spaces", "strategies", "estimators", "genotypes", "figures", "operations")


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_is_found(kind: str) -> None:
    for name in registry.names(kind):
        assert registry.entry(kind, name).name == name
        assert registry.get(kind, name) is not None


def test_a_data_set_is_of_its_entrys_kind() -> None:
    for name in registry.names("datasets"):
        assert registry.get("datasets", name).name == name
        assert registry.get("datasets", name).kind == registry.entry("datasets", name).kind


def test_a_space_is_of_its_entrys_family() -> None:
    for name in registry.names("spaces"):
        space = registry.get("spaces", name)(SupernetSettings())
        assert (space.name, space.family) == (name, registry.entry("spaces", name).family)


def test_a_name_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, "spaces", {})
    registry.add("spaces", registry.Entry("mine", "nowhere:mine"))
    with pytest.raises(ValueError, match="'mine' is registered twice"):
        registry.add("spaces", registry.Entry("mine", "elsewhere:mine"))


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(InputError, match="unknown 'dart'; did you mean 'darts'"):
        registry.entry("spaces", "dart")


def test_entries_need_no_torch() -> None:
    code = (
        "import sys\n"
        "from pipeline import registry\n"
        f"for kind in {[kind for kind in KINDS if kind != 'operations']}:\n"
        "    for name in registry.names(kind):\n"
        "        registry.entry(kind, name).settings_model()()\n"
        "sys.exit(', '.join({'torch', 'mlflow'} & {*sys.modules}) or 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
