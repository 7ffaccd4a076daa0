"""The 15,625 cells of NAS-Bench-201 (Dong & Yang, ICLR 2020), as codes and as text.

A code has one digit for each edge: the index of the edge's operation in `OPERATIONS`. The edges are
in the order of the text: 0→1, 0→2, 1→2, 0→3, 1→3, 2→3. A cell's number is its code, read in base 5.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.spaces.nasbench201 import EDGES, OPERATIONS

N_ARCHITECTURES = len(OPERATIONS) ** len(EDGES)  # 15,625
PLACES = len(OPERATIONS) ** np.arange(len(EDGES) - 1, -1, -1)
ARCH = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")

Code = tuple[int, ...]


def codes() -> NDArray[np.uint8]:
    """All cells, uint8[15625, 6], by number."""
    numbers = np.arange(N_ARCHITECTURES)[:, None]
    return (numbers // PLACES % len(OPERATIONS)).astype(np.uint8)


def architectures() -> Iterator[str]:
    """The texts of all cells, by number."""
    return itertools.starmap(text_of, itertools.product(OPERATIONS, repeat=len(EDGES)))


def text_of(a: str, b: str, c: str, d: str, e: str, f: str) -> str:
    """The text of the cell whose edges, in their order, have the operations a to f."""
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def numbers_of(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Numbers int64[...] of codes uint8[..., 6]."""
    return codes.astype(np.int64) @ PLACES


def parse(arch: str) -> Code:
    """The code of the cell that a text describes.

    Raises:
        InputError: the text is not a cell of the space.
    """
    match = ARCH.fullmatch(arch.strip())
    if not match or not set(match.groups()) <= set(OPERATIONS):
        raise InputError(
            f"arch: {arch!r} is no cell of NAS-Bench-201; expected "
            f"|op~0|+|op~0|op~1|+|op~0|op~1|op~2| with op in {', '.join(OPERATIONS)}"
        )
    return tuple(OPERATIONS.index(name) for name in match.groups())


def unique_text(code: Code) -> str:
    """A text that is the same for all cells that the benchmark regards as isomorphic (6,466 texts).

    The result is the text of the last node. The text of a node joins the sorted texts of its
    incoming edges. An edge has the text `#` if its operation is `none` or its source node is `#`.
    Otherwise it has the text of the source node, followed by any operation but `skip_connect`.
    """
    nodes = {0: "0"}
    for node in (1, 2, 3):
        terms = [_term(code[e], nodes[source]) for e, (n, source) in enumerate(EDGES) if n == node]
        nodes[node] = "+".join(sorted(terms))
    return nodes[3]


def _term(operation: int, source: str) -> str:
    name = OPERATIONS[operation]
    if name == "none" or source == "#":
        return "#"
    return source if name == "skip_connect" else f"({source})@{name}"
