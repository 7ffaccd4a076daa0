"""Positions of the parts of a drawn cell: a layered layout without overlaps.

Nodes are placed in columns by their depth. The operations of a node are labelled boxes to its left.
An edge that passes through a column takes up a place there, as a node does. The order of the places
in each column is chosen so that edges are short and rarely cross. Then their heights are chosen so
that edges are as straight as possible. Lengths are in units of the drawing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import lsq_linear

from pipeline.spaces.genotype import SHAPES, Genotype

PITCH = 0.62  # distance between the boxes of a node
RADIUS = 0.21  # radius of a state's circle
MARGIN = 0.30  # distance between neighbours in a column


@dataclass
class DrawnPlace:
    """An item in a column: a node with the boxes of its operations, or an edge passing through."""

    column: int
    state: int
    passing: bool = False
    inputs: list[tuple[str | None, int]] = field(default_factory=list)
    y: float = 0.0

    @property
    def height(self) -> float:
        """Height in units of the drawing."""
        return 0.1 if self.passing else max(PITCH * len(self.inputs), 2 * RADIUS)


@dataclass(frozen=True)
class Edge:
    """A wire between neighbouring columns."""

    start: DrawnPlace
    end: DrawnPlace
    offset: float = 0.0  # height of the wire's end above the middle of `end`
    operation: str | None = None  # None if `end` is the output or an edge passing through

    @property
    def y(self) -> float:
        """Height of the wire's end."""
        return self.end.y + self.offset


@dataclass
class Graph:
    """The places of a cell by column; the first has the inputs, the last only the output."""

    columns: list[list[DrawnPlace]]

    def source(self, column: int, state: int) -> DrawnPlace:
        """The place of `state` in the column to the left of `column`."""
        return next(place for place in self.columns[column - 1] if place.state == state)

    def edges(self) -> Iterator[Edge]:
        """All wires by column; wires into the same node are ordered by start, topmost first."""
        for column in range(1, len(self.columns)):
            for place in self.columns[column]:
                if place.passing:
                    yield Edge(self.source(column, place.state), place)
                    continue
                inputs = [(self.source(column, state), name) for name, state in place.inputs]
                inputs.sort(key=lambda pair: -pair[0].y)
                for rank, (source, name) in enumerate(inputs):
                    offset = PITCH * ((len(inputs) - 1) / 2 - rank) if name else 0.0
                    yield Edge(source, place, offset, name)

    def feeds_operation(self, lane: DrawnPlace) -> bool:
        """Whether an edge that passes through a column leads to an operation other than `none`."""
        later = (p for column in self.columns[lane.column + 1 :] for p in column)
        return lane.passing and any(
            name not in (None, "none") and state == lane.state
            for place in later
            for name, state in place.inputs
        )


def arrange(genotype: Genotype, cell_type: str) -> Graph:
    """Lay out one cell, with its states in columns by depth."""
    nodes = genotype.cells[cell_type]
    _, n_inputs, _ = SHAPES[genotype.space]
    depth = [0] * n_inputs
    for node in nodes:
        depth.append(1 + max(depth[state] for _, state in node))
    output = n_inputs + len(nodes)
    depth.append(max(depth) + 1)
    inputs: list[list[tuple[str | None, int]]] = [[] for _ in range(n_inputs)]
    inputs += [list(node) for node in nodes]
    inputs.append([(None, state) for state in genotype.concat])

    columns: list[list[DrawnPlace]] = [[] for _ in range(depth[output] + 1)]
    for state in range(output + 1):
        columns[depth[state]].append(DrawnPlace(depth[state], state, inputs=inputs[state]))
        users = [t for t in range(output + 1) if any(s == state for _, s in inputs[t])]
        for column in range(depth[state] + 1, max((depth[t] for t in users), default=0)):
            columns[column].append(DrawnPlace(column, state, passing=True))
    graph = Graph(columns)
    order_columns(graph)
    straighten(graph)
    return graph


def stack(column: list[DrawnPlace]) -> None:
    """Stack the places of a column from top to bottom, centred at y = 0."""
    total = sum(place.height for place in column) + MARGIN * (len(column) - 1)
    top = total / 2
    for place in column:
        place.y = top - place.height / 2
        top -= place.height + MARGIN


def order_columns(graph: Graph) -> None:
    """Give each column its order of least cost; repeat until no column changes."""
    for column in graph.columns:
        stack(column)
    best = cost(graph)
    improved = True
    while improved:
        improved = False
        for column in graph.columns:
            kept = list(column)
            for order in itertools.permutations(kept):
                column[:] = order
                stack(column)
                if (candidate := cost(graph)) < best - 1e-9:
                    best, kept, improved = candidate, list(order), True
            column[:] = kept
            stack(column)


def cost(graph: Graph) -> float:
    """Weighted number of edge crossings plus the total vertical distance of all edges."""
    column, start, end = np.array([(e.start.column, e.start.y, e.y) for e in graph.edges()]).T
    same = column[:, None] == column[None, :]
    crossed = (start[:, None] - start) * (end[:, None] - end) < -1e-9
    return 3.0 * float((crossed & same).sum()) / 2 + float(np.abs(start - end).sum())


def straighten(graph: Graph) -> None:
    """Choose the heights of places, in their order, so that edges are as straight as possible.

    Linear least squares minimises a weighted sum of (y_start - y_end)^2 over all edges. The
    unknowns are the height of the first place of each column and each gap's excess over MARGIN.
    """
    places = [place for column in graph.columns for place in column]
    index = {id(place): i for i, place in enumerate(places)}
    n = len(places)
    slope, constant, lower = np.zeros((n, n)), np.zeros(n), np.zeros(n)  # y = constant + slope @ x
    for column in graph.columns:
        first = index[id(column[0])]
        slope[first, first], lower[first] = 1.0, -np.inf
        for i, (above, place) in enumerate(itertools.pairwise(column), first):
            slope[i + 1] = slope[i]
            slope[i + 1, i + 1] = -1.0
            constant[i + 1] = constant[i] - MARGIN - (above.height + place.height) / 2
    rows, targets = [], []
    for edge in graph.edges():
        i, j = index[id(edge.start)], index[id(edge.end)]
        # Wires into the output may bend more than those that carry a state to an operation.
        weight = 1.0 if edge.operation or edge.end.passing else 0.5
        rows.append(weight * (slope[i] - slope[j]))
        targets.append(weight * (constant[j] + edge.offset - constant[i]))
    rows += list(0.02 * slope)  # keeps undetermined heights near the middle
    targets += list(-0.02 * constant)
    solution = lsq_linear(np.array(rows), np.array(targets), bounds=(lower, np.inf)).x
    for place, y in zip(places, constant + slope @ solution, strict=True):
        place.y = float(y)
