from __future__ import annotations

import bz2
import contextlib
import os
import pickle
import resource
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from hypothesis.extra.numpy import arrays as hypothesis_arrays

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


def packed(dtype: bytes, state: bytes, raw: bytes, scalar: bool = False) -> bytes:
    """A hand-made pickle: a dict with an array or a number of the type and the bytes given."""
    element = b"cnumpy\ndtype\n(" + dtype + b"I00\nI01\ntR(" + state + b"tb"
    if scalar:
        value = b"cnumpy.core.multiarray\nscalar\n(" + element + raw + b"tR"
    else:
        made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        value = made + b"(I1\n(I1\nt" + element + b"I00\n" + raw + b"tb"
    return b"\x80\x02}U\x01a" + value + b"s."


PLAIN = b"I3\nS'<'\nNNNI-1\nI-1\nI0\n"
WITH_OBJECTS = b"I3\nS'|'\nNNNI-1\nI-1\nI63\n"
FIELDS = b"I3\nS'|'\nN(S'a'\nt}S'a'\n(cnumpy\ndtype\n(S'O8'\nI0\nI1\ntRI0\ntsI8\nI1\nI0\n"


@pytest.mark.parametrize("scalar", [False, True])
@pytest.mark.parametrize(
    ("dtype", "state", "raw"),
    [
        (b"S'O8'\n", WITH_OBJECTS, b"U\x08AAAAAAAA"),  # eight bytes as the address of an object
        (b"S'V8'\n", FIELDS, b"U\x08AAAAAAAA"),
        (b"S'f8'\n", PLAIN, b"U\x04AAAA"),  # fewer bytes than its shape says
        (b"S'M8'\n", PLAIN, b"U\x08AAAAAAAA"),
        (b"S'f8,f8'\n", PLAIN, b"U\x08AAAAAAAA"),
        (b"cnumpy\nndarray\n", PLAIN, b"U\x08AAAAAAAA"),
        (b"S'U9999'\n", PLAIN, b"U\x08AAAAAAAA"),
    ],
)
def test_elements_that_are_no_plain_numbers_are_refused(dtype, state, raw, scalar, tmp_path):
    (tmp_path / "file").write_bytes(packed(dtype, state, raw, scalar))
    with pytest.raises(InputError, match="not a pickle of plain arrays"):
        read_pickle(tmp_path / "file")


def test_a_plain_number_of_the_same_make_is_read(tmp_path):
    raw = b"U\x08" + np.float64(2.5).tobytes()
    for scalar in (False, True):
        (tmp_path / "file").write_bytes(packed(b"S'f8'\n", PLAIN, raw, scalar))
        assert read_pickle(tmp_path / "file")["a"] == 2.5


arrays = hypothesis_arrays(
    st.sampled_from(["<f4", ">f8", "u1", "<i8", "?", "<c8", "S3", "<U4"]),
    array_shapes(min_dims=0, max_dims=3, min_side=0),
)


@given(st.dictionaries(st.text(), arrays | st.floats(allow_nan=False) | st.binary(), max_size=4))
def test_any_plain_content_comes_back(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        for protocol in (2, 4):
            path.write_bytes(pickle.dumps(content, protocol))
            found = read_pickle(path)
            assert found.keys() == content.keys()
            for key, value in pickle.loads(path.read_bytes()).items():
                np.testing.assert_array_equal(found[key], value)
                assert getattr(found[key], "dtype", 0) == getattr(value, "dtype", 0)


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_read(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(b"\x80\x02" + content)
        with contextlib.suppress(InputError):
            assert isinstance(read_pickle(path), dict)


BOMBS = {
    "memo.p": b"\x80\x02}r\xff\xff\xff\x7f.",  # reserves 16 GB for one note in the form in C
    "length.p": b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"x.",
    "objects.p": b"\x80\x02](" + b"]" * 8_000_000 + b"e.",
    "packed.pbz2": bz2.compress(b"\x80\x02}" + b"N0" * 60_000_000 + b"."),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_would_fill_the_memory_takes_little_of_it(name, tmp_path):
    (tmp_path / name).write_bytes(BOMBS[name])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(InputError):
        assert read_pickle(tmp_path / name) == {}
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 400_000  # kB
