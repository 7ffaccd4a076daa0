"""A discrete architecture, and its notations as text.

The notations are our JSON, the text that DARTS prints (`Genotype(normal=...)`), and the string of
NAS-Bench-201 (`|nor_conv_3x3~0|+|...`). States are numbered as in DARTS: first the inputs of the
cell, then its nodes.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Any

from pipeline import files
from pipeline.errors import InputError

FORMAT, VERSION = "shapley-nas-genotype", 1
DARTS_CELLS = ("normal", "reduce")
SHAPES = {  # family -> cell types, input states, nodes
    "darts": (DARTS_CELLS, 2, 4),
    "nasbench201": (("cell",), 1, 3),
}

MOST_TEXT, MOST_STATES = 10_000, 100  # far above the size of any cell
SCALARS = ("np.int64", "np.int32", "numpy.int64", "numpy.int32", "int", "np.str_", "numpy.str_")

Node = tuple[tuple[str, int], ...]  # ((operation, input state), ...)
Cell = tuple[Node, ...]


@dataclass(frozen=True)
class Genotype:
    """Operations and inputs of every node.

    Attributes:
        space: "darts" or "nasbench201".
        cells: cell type -> ((operation, input state), ...) of each node. "darts" has `normal` and
            `reduce`, each with 4 nodes of 2 inputs; states 0 and 1 are the two previous cells.
            "nasbench201" has `cell`, in which each node has all earlier states as inputs.
        concat: the states whose concatenation is the cell's output.

    Raises:
        InputError: a cell does not belong to the space.
    """

    space: str
    cells: dict[str, Cell]
    concat: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.space not in SHAPES:
            raise InputError(f"genotype: unknown space {self.space!r}; known: {', '.join(SHAPES)}")
        cell_types, n_inputs, n_nodes = SHAPES[self.space]
        if set(self.cells) != set(cell_types):
            raise InputError(f"genotype: cells {sorted(self.cells)}; expected {list(cell_types)}")
        for cell_type, cell in self.cells.items():
            if len(cell) != n_nodes:
                raise InputError(f"genotype: {cell_type} has {len(cell)} nodes, not {n_nodes}")
            for i, node in enumerate(cell):
                self._check_node(f"{cell_type}, node {i}", node, n_inputs + i)
        if not self.concat or not set(self.concat) <= set(range(n_inputs, n_inputs + n_nodes)):
            raise InputError(
                f"genotype: concat {list(self.concat)!s:.80} names states that no node has"
            )
        if len(set(self.concat)) < len(self.concat):
            raise InputError(f"genotype: concat {list(self.concat)!s:.80} names a state twice")

    def _check_node(self, name: str, node: Node, n_states: int) -> None:
        for operation, _ in node:
            if not re.fullmatch(r"\w{1,60}", operation):
                raise InputError(f"genotype: {name} has the operation {operation!r:.80}, no name")
        sources = [source for _, source in node]
        if not set(sources) <= set(range(n_states)):
            raise InputError(f"genotype: {name} has inputs {sources}, not all below {n_states}")
        if self.space == "nasbench201" and sources != list(range(n_states)):
            raise InputError(f"genotype: {name} has inputs {sources}, not {list(range(n_states))}")
        if self.space == "darts" and not len(sources) == len(set(sources)) == 2:
            raise InputError(f"genotype: {name} has inputs {sources}, not two different ones")

    def to_json(self) -> dict[str, Any]:
        """A JSON value."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "space": self.space,
            "cells": {
                cell_type: [[list(edge) for edge in node] for node in cell]
                for cell_type, cell in self.cells.items()
            },
            "concat": list(self.concat),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Genotype:
        """Read what `to_json` wrote.

        Raises:
            InputError: the value has another format or version, or is damaged.
        """
        if not isinstance(value, Mapping) or value.get("format") != FORMAT:
            raise InputError(f'genotype: not of format {FORMAT!r} (key "format")')
        if value.get("version") != VERSION:
            raise InputError(
                f"genotype: version {value.get('version')!r}; this program reads {VERSION}"
            )
        try:
            cells = {str(key): _cell(cell) for key, cell in value["cells"].items()}
            genotype = cls(str(value["space"]), cells, tuple(map(index, value["concat"])))
        except files.DAMAGED as error:
            raise InputError(f"genotype: broken or incomplete ({error!r})") from None
        if value.get("sha256", _digest(genotype.to_json())) != _digest(genotype.to_json()):
            raise InputError(
                "genotype: changed since it was written (sha256 differs); make it anew, or "
                'delete the key "sha256" if you changed it yourself'
            )
        return genotype

    def save(self, path: Path | str) -> None:
        """Write JSON with a digest, so that `load` notices edits."""
        value = self.to_json()
        files.write_json(path, {**value, "sha256": _digest(value)})

    @classmethod
    def load(cls, path: Path | str) -> Genotype:
        """Read what `save` wrote; errors name the file."""
        value = files.read_json(path)
        try:
            return cls.from_json(value)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def to_darts_text(self) -> str:
        """The text in which DARTS and its successors print a genotype."""
        if self.space != "darts":
            raise InputError(f"genotype: the DARTS text has no form for the space {self.space!r}")
        first, last = self.concat[0], self.concat[-1]
        contiguous = self.concat == tuple(range(first, last + 1))
        concat = f"range({first}, {last + 1})" if contiguous else str(list(self.concat))
        return "Genotype({})".format(
            ", ".join(
                f"{cell_type}={[edge for node in self.cells[cell_type] for edge in node]}, "
                f"{cell_type}_concat={concat}"
                for cell_type in DARTS_CELLS
            )
        )

    @classmethod
    def from_darts_text(cls, text: str) -> Genotype:
        """Read `Genotype(normal=[...], normal_concat=..., reduce=[...], reduce_concat=...)`.

        Text before `Genotype(` is ignored.

        Raises:
            InputError: the text is not in this notation, or its cells concatenate different states.
        """
        try:
            if len(text) > MOST_TEXT:
                raise ValueError(f"{len(text)} characters")
            call = ast.parse(text[text.index("Genotype(") :].strip(), mode="eval").body
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                raise ValueError("expected Genotype(normal=[...], ...)")
            fields = {str(keyword.arg): _literal(keyword.value) for keyword in call.keywords}
            cells = {cell_type: _cell(_pairs(fields[cell_type])) for cell_type in DARTS_CELLS}
            concat, reduce_concat = (
                tuple(map(index, fields[f"{cell_type}_concat"])) for cell_type in DARTS_CELLS
            )
        except files.DAMAGED as error:
            raise InputError(f"genotype: not in the form that DARTS prints ({error})") from None
        if concat != reduce_concat:
            raise InputError("genotype: normal_concat and reduce_concat differ; not supported")
        return cls("darts", cells, concat)

    def to_arch_string(self) -> str:
        """The architecture string of NAS-Bench-201."""
        if self.space != "nasbench201":
            raise InputError(f"genotype: no architecture string in the space {self.space!r}")
        return "+".join(
            "|{}|".format("|".join(f"{operation}~{source}" for operation, source in node))
            for node in self.cells["cell"]
        )

    @classmethod
    def from_arch_string(cls, text: str) -> Genotype:
        """Read an architecture string of NAS-Bench-201; raise `InputError` if it is none."""
        nodes = text.strip().split("+")
        if not all(re.fullmatch(r"\|(\w{1,60}~[0-9]\|){1,9}", node) for node in nodes):
            raise InputError(
                f"genotype: {text!r:.200} is no architecture string "
                "(|op~0|+|op~0|op~1|+|op~0|op~1|op~2|)"
            )
        edges = [
            [(name, int(source)) for name, source in re.findall(r"(\w+)~([0-9])", node)]
            for node in nodes
        ]
        return cls("nasbench201", {"cell": _cell(edges)}, (3,))


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _cell(nodes: Iterable[Iterable[Iterable[Any]]]) -> Cell:
    """A cell from nested sequences of (name, number) pairs."""
    return tuple(
        tuple((str(operation), index(source)) for operation, source in node) for node in nodes
    )


def _pairs(edges: list[Any]) -> list[list[Any]]:
    """Group a list of edges in DARTS' notation by node (two edges each)."""
    return [edges[i : i + 2] for i in range(0, len(edges), 2)]


def _literal(node: ast.expr) -> Any:
    """The value of a literal, a `range` or a NumPy scalar; no code is executed."""
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(element) for element in node.elts]
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
        return node.value
    if isinstance(node, ast.Call) and not node.keywords:
        name, arguments = ast.unparse(node.func), [_literal(value) for value in node.args]
        if name == "range" and all(number in range(MOST_STATES) for number in arguments):
            return range(*arguments)
        if name in SCALARS and len(arguments) == 1:  # as NumPy 2 prints its numbers and texts
            return arguments[0]
    raise ValueError(f"{ast.unparse(node):.60}")
