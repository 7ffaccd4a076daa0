"""Genotypes: three written forms that round-trip, and what is refused."""

from __future__ import annotations

import json
import re
import tracemalloc
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import networks
from pipeline.errors import InputError
from pipeline.spaces.darts import OPERATIONS as DARTS_OPERATIONS
from pipeline.spaces.genotype import Cell, Genotype
from pipeline.spaces.nasbench201 import OPERATIONS as NB201_OPERATIONS

# Shapley-NAS on CIFAR-10, from the paper's repository.
TEXT = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), "
    "('dil_conv_3x3', 0), ('dil_conv_3x3', 2), ('skip_connect', 3), ('sep_conv_3x3', 1), "
    "('dil_conv_5x5', 3)], normal_concat=range(2, 6), reduce=[('sep_conv_3x3', 1), "
    "('max_pool_3x3', 0), ('dil_conv_5x5', 2), ('sep_conv_3x3', 0), ('sep_conv_3x3', 2), "
    "('max_pool_3x3', 0), ('dil_conv_3x3', 3), ('skip_connect', 2)], "
    "reduce_concat=range(2, 6))"
)
ARCH = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"


@st.composite
def darts_cells(draw: st.DrawFn) -> Cell:
    nodes = []
    for n_states in (2, 3, 4, 5):
        sources = draw(st.permutations(range(n_states)))[:2]
        nodes.append(tuple((draw(st.sampled_from(DARTS_OPERATIONS)), s) for s in sources))
    return tuple(nodes)


darts_genotypes = st.builds(
    lambda normal, reduce, concat: Genotype(
        "darts", {"normal": normal, "reduce": reduce}, tuple(sorted(concat))
    ),
    darts_cells(),
    darts_cells(),
    st.sets(st.integers(2, 5), min_size=1),
)


@given(darts_genotypes)
def test_darts_round_trips(genotype: Genotype) -> None:
    assert Genotype.from_darts_text(genotype.to_darts_text()) == genotype
    assert Genotype.from_json(json.loads(json.dumps(genotype.to_json()))) == genotype


def test_every_architecture_string_round_trips() -> None:
    strings = {
        f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
        for a, b, c, d, e, f in product(NB201_OPERATIONS, repeat=6)
    }
    assert len(strings) == 15625
    for text in strings:
        genotype = Genotype.from_arch_string(text)
        assert genotype.to_arch_string() == text
        assert Genotype.from_json(genotype.to_json()) == genotype


def test_architecture_string_read_as_the_benchmark_reads_it() -> None:
    api = pytest.importorskip("nas_201_api")
    assert Genotype.from_arch_string(ARCH).cells["cell"] == tuple(
        api.NASBench201API.str2lists(ARCH)
    )


def test_published_text() -> None:
    genotype = Genotype.from_darts_text(TEXT)
    assert genotype.cells["normal"][2] == (("dil_conv_3x3", 2), ("skip_connect", 3))
    assert genotype.cells["reduce"][0] == (("sep_conv_3x3", 1), ("max_pool_3x3", 0))
    assert genotype.concat == (2, 3, 4, 5)
    assert genotype.to_darts_text() == TEXT


def test_file(tmp_path: Path) -> None:
    genotype = Genotype.from_darts_text(TEXT)
    genotype.save(tmp_path / "genotype.json")
    assert Genotype.load(tmp_path / "genotype.json") == genotype


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "format"),
        ({"version": 2}, "version 2"),
        ({"space": "nasnet"}, "nasnet"),
        ({"cells": {"normal": []}}, "expected"),
        ({"cells": None}, "broken"),
        ({"cells": {"normal": [[["skip_connect"]]], "reduce": []}}, "broken"),
        ({"cells": {"normal": [[["skip_connect", 0.5]]], "reduce": []}}, "broken"),
        ({"concat": [7]}, "concat"),
        ({"concat": 2}, "broken"),
    ],
)
def test_broken_file_names_itself(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(Genotype.from_darts_text(TEXT).to_json() | change))
    with pytest.raises(InputError, match=message) as error:
        Genotype.load(path)
    assert str(error.value).count(str(path)) == 1
    assert "\n" not in str(error.value)


def test_missing_file_names_itself(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^[^ ]*none\.json: no such file$"):
        Genotype.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Genotype(",
        "print('hello')",
        "Genotype(normal=[], normal_concat=range(2, 6))",
        TEXT.replace("('skip_connect', 3)", "('skip_connect', 9)"),
        TEXT.replace("('sep_conv_3x3', 0), ", "", 1),
        TEXT.replace("('sep_conv_3x3', 0), ", "('sep_conv_3x3', 1), ", 1),  # the same input twice
        TEXT.replace("reduce_concat=range(2, 6)", "reduce_concat=range(3, 6)"),
        TEXT.replace("range(2, 6)", "__import__('os').getcwd()"),
    ],
)
def test_bad_darts_text(text: str) -> None:
    with pytest.raises(InputError, match="genotype: "):
        Genotype.from_darts_text(text)


@pytest.mark.parametrize(
    "text",
    ["", "|skip_connect~0|", ARCH[1:], ARCH.replace("~2", "~3"), ARCH.replace("~1", "~0"), "a+b+c"],
)
def test_bad_architecture_string(text: str) -> None:
    with pytest.raises(InputError, match="genotype: "):
        Genotype.from_arch_string(text)


def test_no_text_of_the_other_space() -> None:
    with pytest.raises(InputError, match="no architecture string"):
        Genotype.from_darts_text(TEXT).to_arch_string()
    with pytest.raises(InputError, match="DARTS text"):
        Genotype.from_arch_string(ARCH).to_darts_text()


@pytest.mark.parametrize(
    "write",
    [
        "genotype = {}",
        "DARTS_V2 = {}",
        "11/30 06:00:00 AM genotype = {}",
        "2026-11-30 06:00:00,123 epoch 49: {}\n",
    ],
)
def test_texts_of_logs_and_of_genotypes_py_are_read(write: str) -> None:
    assert networks.resolve(write.format(TEXT)) == Genotype.from_darts_text(TEXT)


def test_numbers_and_names_as_numpy_prints_them_are_read() -> None:
    text = re.sub(r"\('(\w+)', (\d)\)", r"(np.str_('\1'), np.int64(\2))", TEXT)
    assert "np.int64(3)" in text
    assert Genotype.from_darts_text(text) == Genotype.from_darts_text(TEXT)
    text = TEXT.replace("range(2, 6)", "[np.int64(2), 3, np.int64(4), 5]")
    assert Genotype.from_darts_text(text) == Genotype.from_darts_text(TEXT)


HOSTILE = [
    *(TEXT.replace("range(2, 6)", other) for other in ("range(2, 6000000000)", "[2, 2, 3, 4]")),
    *(TEXT.replace("range(2, 6)", other) for other in ("range(0, 10**9)", "[2] * 10**9", "[9]")),
    *(TEXT + "\0", "a\0.json", "x" * 5000 + ".json", ".", "/dev/null", "Genotype(" * 900),
    *("Genotype(" + "-" * 9000 + "1)", "Genotype(normal=" + "[" * 5000, "|a~0|" * 10_000),
    *("|none~٣|+|none~0|none~1|+|none~0|none~1|none~2|", "x" * 100_000, "", "|"),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
def test_hostile_texts_are_one_short_line_and_cost_little(text: str) -> None:
    tracemalloc.start()
    with pytest.raises(InputError) as caught:
        networks.resolve(text)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000_000
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 6000


@settings(deadline=None)
@given(st.integers(0, len(TEXT)), st.integers(0, 60), st.text(max_size=20))
def test_any_changed_text_is_read_whole_or_refused(at: int, n: int, inserted: str) -> None:
    """What is read is a genotype that its own text gives again."""
    try:
        found = networks.resolve(TEXT[:at] + inserted + TEXT[at + n :])
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert Genotype.from_darts_text(found.to_darts_text()) == found
