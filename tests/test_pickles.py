from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.pickles import read_pickle


class Malicious:
    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return os.mkdir, (str(self.victim),)


@pytest.mark.parametrize("protocol", range(2, 5))
def test_arrays_lists_and_strings_round_trip(protocol, tmp_path):
    content = {"data": np.arange(12, dtype=np.uint8).reshape(3, 4), "labels": [1, 2], "name": "x"}
    (tmp_path / "file").write_bytes(pickle.dumps(content, protocol=protocol))
    read = read_pickle(tmp_path / "file")
    np.testing.assert_array_equal(read.pop("data"), content.pop("data"))
    assert read == content


def test_code_is_refused_and_not_run(tmp_path):
    content = {"data": Malicious(tmp_path / "made")}
    (tmp_path / "file").write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=r"file: not a pickle of plain arrays .*mkdir"):
        read_pickle(tmp_path / "file")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps({"a": 1})[:-3]])
def test_broken_pickles_are_named(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=r"file: not a pickle"):
        read_pickle(tmp_path / "file")
