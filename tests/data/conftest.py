from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipeline import registry
from pipeline.data.spec import DataSet
from pipeline.registry import Entry
from tests.data.stand_ins import STAND_INS


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], DataSet]:
    """Put a data set's stand-in below `tmp_path` and into the registry."""

    def make(name: str) -> DataSet:
        assert name in STAND_INS, f"add a stand-in of {name} to tests/data/stand_ins.py"
        dataset = STAND_INS[name](tmp_path)
        registry.names("datasets")
        monkeypatch.setitem(registry._entries["datasets"], name, Entry(name, dataset))
        return dataset

    return make


@pytest.fixture
def real_data() -> Path:
    root = os.environ.get("SHAPLEY_NAS_DATA")
    if not root:
        pytest.skip("real data: SHAPLEY_NAS_DATA is not set")
    return Path(root)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


# An audit hook cannot be taken away again: one for all tests, which records while it is asked to.
_records: list[list[str]] = []


def _record(event: str, arguments: tuple) -> None:
    if event == "open" and _records:
        for record in _records:
            record.append(os.fsdecode(arguments[0]) if not isinstance(arguments[0], int) else "")


sys.addaudithook(_record)


@pytest.fixture
def opened_files():
    """Names of all files that Python opens while the test runs."""
    record: list[str] = []
    _records.append(record)
    yield record
    _records.remove(record)
