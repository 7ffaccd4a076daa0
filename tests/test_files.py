"""One strict reader each for JSON, arrays and CSV: what is refused, and at what cost."""

from __future__ import annotations

import io
import json
import math
import os
import resource
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import files
from pipeline.errors import InputError

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def is_finite(value):
    if isinstance(value, float):
        return math.isfinite(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(is_finite, inner))


@given(trees)
def test_json_is_read_back_or_has_a_number_that_is_not_finite(value):
    text = json.dumps(value)
    if is_finite(value):
        assert files.parse_json(text) == value
    else:
        with pytest.raises(ValueError, match="finite"):
            files.parse_json(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "key 'c' twice"),
        ("[1e999]", "not a finite number"),
        ("[-Infinity]", "not a finite number"),
        ("[" * 100_000, "nested too deeply"),
        ("", "not valid JSON"),
        ("\x00", "not valid JSON"),
        ("9" * 5000, "not valid JSON"),
    ],
)
def test_json_that_is_refused_names_the_file(text, words, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"a\.json: .*{words}"):
        files.read_json(path)


def test_what_is_no_regular_file_of_a_plausible_size_is_refused_unread(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(10 * 2**30)  # takes no space
    for name, words in {
        "pipe": "expected a regular file",
        "circle": "cannot be read",
        "large": "a file of this kind has at most",
        "x" * 300: "cannot be read",
        "a\0b": "cannot be read",
        ".": "a folder, expected a file",
    }.items():
        for read in (files.read_json, files.read_csv, files.read_arrays):
            with pytest.raises(InputError, match=words) as caught:
                read(tmp_path / name)
            assert "\0" not in str(caught.value)


@given(st.text(alphabet="{}()[]'\"<>fOi8,: \n\\#0_", max_size=40))
def test_no_header_of_an_array_file_ends_in_a_traceback(text):
    header = (text + "\n").encode()
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("strength.npy", content)
        file.flush()
        with pytest.raises(InputError, match="damaged or no file of arrays"):
            files.read_arrays(file.name)


def test_arrays_that_unpack_to_far_more_than_their_file_are_refused_early(tmp_path):
    """100 MB of zeros in 0.1 MB; one whose header asks for a terabyte."""
    bomb, header = tmp_path / "bomb.npz", io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (2**37,)}
    )
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(100 * 2**20))
    with zipfile.ZipFile(tmp_path / "header.npz", "w") as archive:
        archive.writestr("a.npy", header.getvalue() + bytes(1000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ("bomb.npz", "header.npz"):
        with pytest.raises(InputError, match="damaged or no file of arrays"):
            files.read_arrays(tmp_path / name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


@given(st.integers(0, 29), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_a_strength_is_finite_in_every_place(tmp_path_factory, place, value):
    path = tmp_path_factory.mktemp("s") / "strength.npz"
    strength = np.zeros(30)
    np.savez(path, strength=strength, phi_history=np.full(3, np.nan))
    assert files.read_arrays(path, whole=["strength"])["strength"].shape == (30,)
    strength[place] = value
    np.savez(path, strength=strength)
    with pytest.raises(InputError, match="strength has values that are not finite"):
        files.read_arrays(path, whole=["strength"])


@pytest.mark.parametrize("value", [None, "0.1", True, False, -0.1, 1.1, [0.5]])
def test_a_share_is_a_number_between_0_and_1(value, tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"test_error": value}))
    with pytest.raises(InputError, match=r"metrics\.json: test_error: .* between 0 and 1"):
        files.read_share(path, "test_error")


@given(st.binary(max_size=80))
def test_any_bytes_as_csv_are_rows_of_one_length_or_refused(tmp_path_factory, content):
    path = Path(tmp_path_factory.mktemp("csv"), "a.csv")
    path.write_bytes(content)
    try:
        rows = files.read_csv(path)
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:
        assert all(None not in (*row, *row.values()) for row in rows)


def test_a_number_that_json_does_not_know_is_not_written(tmp_path):
    with pytest.raises(InputError, match=r"metrics\.json: not written, a number of it is not"):
        files.write_json(tmp_path / "metrics.json", {"loss": math.nan})
    assert not [*tmp_path.iterdir()]
