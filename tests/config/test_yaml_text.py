"""The one YAML loader: keys that stand twice, aliases without end, and values it may not make."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.yaml_text import parse, read_yaml
from pipeline.errors import InputError

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=15,
)


@given(values)
def test_what_yaml_writes_is_read_back(value):
    assert parse(yaml.safe_dump(value), "f.yaml") == value


@given(
    st.lists(st.sampled_from("abc"), max_size=4),
    st.from_regex(r"[d-z]{1,8}", fullmatch=True),
    st.integers(0, 3),
    st.booleans(),
)
def test_a_key_twice_is_refused_at_any_depth(path, key, between, quoted):
    """Key and both lines are named, however the key is written."""
    indents = ["  " * depth for depth in range(len(path) + 1)]
    lines = [f"{indent}{name}:" for indent, name in zip(indents, path, strict=False)]
    inner = indents[-1]
    lines += [f"{inner}{key}: 1", *(f"{inner}x{i}x: 1" for i in range(between))]
    lines += [f"{inner}'{key}': 2" if quoted else f"{inner}{key}: 2"]
    first, second = len(path) + 1, len(lines)
    with pytest.raises(InputError, match=f"'{key}' twice, in lines {first} and {second}"):
        parse("\n".join(lines), "f.yaml")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        *(BOMB, "a: &a {b: *a}", "&a [*a]", "a: *unknown"),
        *("[" * 900, "a: [1", "a:\t1", "\0", "{a: 1, a: 1}"),
        *("a: !!python/object/apply:os.system [ls]", "a: !!python/name:os.system"),
        *("a: 2024-13-45", "a: !!int x", "a: !!timestamp x", "? [1]\n: 2", "<<: [1]", "a: ="),
    ],
)
def test_what_is_refused_is_one_line_and_quick(text):
    started = time.process_time()
    with pytest.raises(InputError, match=r"^--set x: not valid YAML \(") as caught:
        parse(text, "--set x")
    assert "\n" not in str(caught.value)
    assert time.process_time() - started < 5


def test_files(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text("# nothing\n")
    assert read_yaml(path) == {}
    for content, words in (
        (b"- a\n", "expected `key: value` lines, found list"),
        (b"a: \xff\n", "not UTF-8 text"),
        (b"#" * 2**20, "another one"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=words):
            read_yaml(path)
    with pytest.raises(InputError, match="a folder, expected a file"):
        read_yaml(tmp_path)
