"""The spaces S1 to S4 of RobustDARTS (Zela et al., ICLR 2020, section 3), in which DARTS fails.

Cells and discretisation are those of DARTS, with two or three operations per edge:

- S1: on each edge, the two operations that DARTS found strongest in the space of DARTS.
- S2: a separable convolution or a skip connection.
- S3: the operations of S2 and `none`.
- S4: a separable convolution or noise.

The setting `include_none` has no effect.
"""

from __future__ import annotations

from pipeline.config.recipes import SupernetSettings
from pipeline.spaces.darts import CELL_TYPES, EDGES, NODES, DartsSpace

SHORT = {
    "sk": "skip_connect",
    "s3": "sep_conv_3x3",
    "d3": "dil_conv_3x3",
    "d5": "dil_conv_5x5",
    "mx": "max_pool_3x3",
    "av": "avg_pool_3x3",
}
# S1, edges ordered by node, then by source.
NORMAL = "sk/d3 sk/d5  sk/d5 sk/s3 sk/d3  mx/sk sk/s3 sk/s3 sk/d3  sk/s3 mx/sk sk/d3 d3/d5 d3/d5"
REDUCE = "mx/av mx/d3  mx/av mx/av sk/d5  mx/av mx/s3 sk/d3 sk/d5  mx/av mx/av sk/d5 sk/d5 sk/d5"

Edges = tuple[tuple[str, ...], ...]  # operations of each edge of a cell


def robust_darts_space(name: str, normal: Edges, reduce: Edges) -> DartsSpace:
    """A space with DARTS' cells and these operations."""
    return DartsSpace(
        name=name,
        cell_types=CELL_TYPES,
        edges=EDGES,
        operations=(normal, reduce),
        n_inputs=2,
        concat=NODES,
    )


def read(row: str) -> Edges:
    """The operations of each edge, read from the short form."""
    return tuple(tuple(SHORT[short] for short in edge.split("/")) for edge in row.split())


def everywhere(*operations: str) -> Edges:
    """The same operations on every edge."""
    return (operations,) * len(EDGES)


def s1(settings: SupernetSettings) -> DartsSpace:
    """Two operations per edge, which differ from edge to edge."""
    return robust_darts_space("s1", read(NORMAL), read(REDUCE))


def s2(settings: SupernetSettings) -> DartsSpace:
    """Skip connection and separable convolution."""
    both = everywhere("skip_connect", "sep_conv_3x3")
    return robust_darts_space("s2", both, both)


def s3(settings: SupernetSettings) -> DartsSpace:
    """The operations of S2, and `none`."""
    three = everywhere("none", "skip_connect", "sep_conv_3x3")
    return robust_darts_space("s3", three, three)


def s4(settings: SupernetSettings) -> DartsSpace:
    """Noise and separable convolution."""
    both = everywhere("noise", "sep_conv_3x3")
    return robust_darts_space("s4", both, both)
