"""The layout of a drawn cell: true to the genotype, nothing overlaps."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.networks.placement import MARGIN, PITCH, arrange
from pipeline.networks.published import resolve
from pipeline.spaces.genotype import Genotype

OPERATIONS = ("sep_conv_3x3", "max_pool_3x3", "skip_connect", "none")


@st.composite
def darts_cells(draw):
    cell = []
    for node in range(4):
        pairs = list(itertools.combinations(range(node + 2), 2))
        sources = draw(st.sampled_from(pairs))
        cell.append(tuple((draw(st.sampled_from(OPERATIONS)), source) for source in sources))
    return Genotype("darts", {"normal": tuple(cell), "reduce": tuple(cell)}, (2, 3, 4, 5))


@given(darts_cells())
@settings(max_examples=25, deadline=None)
def test_the_graph_is_the_genotype(genotype):
    graph = arrange(genotype, "normal")
    # A lane carries one state, and each edge starts where that state or its lane is.
    found = {(e.end.state, e.start.state, e.operation) for e in graph.edges() if e.operation}
    given_edges = {
        (target, source, operation)
        for target, node in enumerate(genotype.cells["normal"], 2)
        for operation, source in node
    }
    assert found == given_edges
    output = {edge.start.state for edge in graph.edges() if edge.end.state == 6}
    assert output == set(genotype.concat)
    for edge in graph.edges():
        assert edge.end.column == edge.start.column + 1
        if edge.end.passing:
            assert edge.end.state == edge.start.state


@given(darts_cells())
@settings(max_examples=25, deadline=None)
def test_nothing_overlaps(genotype):
    graph = arrange(genotype, "normal")
    for column in graph.columns:
        for above, below in itertools.pairwise(sorted(column, key=lambda place: -place.y)):
            gap = (above.y - above.height / 2) - (below.y + below.height / 2)
            assert gap >= MARGIN - 1e-6
    for place in (place for column in graph.columns for place in column):
        ports = sorted(edge.y for edge in graph.edges() if edge.end is place and edge.operation)
        assert all(high - low >= PITCH - 1e-9 for low, high in itertools.pairwise(ports))


def test_a_chain_is_a_straight_line_without_crossings():
    # Every node uses the one before and an input: planar, so no two wires need to cross.
    chain = (
        (("skip_connect", 0), ("skip_connect", 1)),
        (("skip_connect", 1), ("skip_connect", 2)),
        (("skip_connect", 1), ("skip_connect", 3)),
        (("skip_connect", 1), ("skip_connect", 4)),
    )
    graph = arrange(Genotype("darts", {"normal": chain, "reduce": chain}, (5,)), "normal")
    edges = list(graph.edges())
    for a, b in itertools.combinations(edges, 2):
        if a.start.column == b.start.column:
            assert (a.start.y - b.start.y) * (a.y - b.y) > -1e-6


def test_columns_are_depths():
    graph = arrange(resolve("shapley_nas_cifar10"), "reduce")
    columns = [[p.state for p in column if not p.passing] for column in graph.columns]
    assert [sorted(states) for states in columns] == [[0, 1], [2], [3, 4], [5], [6]]
