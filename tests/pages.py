"""Code that stands in a page of docs/, run as it stands there."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

from pipeline import registry

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page, those of indented items included."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [code for _, code in found]


def module_of(code: str, name: str, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A file of the page as the module that it would be, importable for one test."""
    module = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(code, name, "exec", dont_inherit=True), module.__dict__)
    return module


def registered_for_one_test(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered from now on is forgotten when the test ends."""
    registry.names(kind)
    monkeypatch.setitem(registry._entries, kind, dict(registry._entries[kind]))


def add_entry(kind: str, code: str, entry: type[registry.Entry]) -> None:
    """Evaluate an entry as the page has it, and register it."""
    registry.add(kind, eval(code, {entry.__name__: entry}))
