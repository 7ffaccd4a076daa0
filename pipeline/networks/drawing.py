"""Draws each cell of a genotype as a graph, with inputs on the left and the output on the right."""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve

from pipeline.files import replacing
from pipeline.networks.placement import RADIUS, DrawnPlace, Edge, Graph, arrange
from pipeline.spaces.genotype import SHAPES, Genotype

SCALE = 0.72  # inches per unit
BOX, BOX_HEIGHT = 1.62, 0.46  # of an operation
BLOCK = BOX + 0.42 + 2 * RADIUS  # a node with its boxes
GAP = 0.95  # between columns, for the curves
INK, MUTED, WIRE, FAINT = "#1f2933", "#52606d", "#7b8794", "#c3ccd5"
FONT = "DejaVu Sans"  # shipped with matplotlib, so pictures are equal everywhere

# Fill and outline colour by kind of operation.
COLOURS = {
    "sep": ("#dbeafe", "#3b82f6"),
    "dil": ("#d1fae5", "#10b981"),
    "nor": ("#dbeafe", "#3b82f6"),
    "max": ("#ffedd5", "#f59e0b"),
    "avg": ("#fce7f3", "#ec4899"),
    "skip": ("#f1f5f9", "#64748b"),
    "none": ("#ffffff", "#c3ccd5"),
}
OTHER_COLOURS = ("#ede9fe", "#8b5cf6")
TITLES = {"normal": "Normal cell", "reduce": "Reduction cell", "cell": "Cell"}
NOTES = {"reduce": "operations on the inputs have stride 2"}


def draw(genotype: Genotype, svg_path: Path | str, png_path: Path | str) -> None:
    """Draw every cell of a genotype, one below the other, as SVG and as PNG.

    Both files depend only on the genotype and on matplotlib's version.
    """
    graphs = {cell_type: arrange(genotype, cell_type) for cell_type in genotype.cells}
    boxes = {cell_type: bounds(graph) for cell_type, graph in graphs.items()}
    width = max(right - left for left, right, _, _ in boxes.values())
    height = sum(top - bottom for _, _, bottom, top in boxes.values())
    with matplotlib.rc_context():
        matplotlib.rcParams.update({"svg.hashsalt": "shapley-nas", "font.family": FONT})
        figure = Figure(figsize=(SCALE * width, SCALE * height), facecolor="white")
        y = 1.0
        for cell_type, graph in graphs.items():
            left, _, bottom, top = boxes[cell_type]
            share = (top - bottom) / height
            y -= share
            axes = figure.add_axes((0.0, y, 1.0, share))
            axes.set(xlim=(left, left + width), ylim=(bottom, top), aspect="equal")
            axes.axis("off")
            draw_title(axes, cell_type)
            draw_cell(axes, genotype, graph)
        with replacing(svg_path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
        with replacing(png_path) as temporary:
            figure.savefig(temporary, format="png", dpi=160, metadata={"Software": None})


def draw_title(axes: Axes, cell_type: str) -> None:
    """Draw the cell's name at the upper left; for a reduction cell, also a note on its stride."""
    x, y = axes.get_xlim()[0] + 0.3, axes.get_ylim()[1] - 0.42
    axes.text(x, y, TITLES[cell_type], size=12, weight="bold", color=INK)
    axes.text(x + 2.2, y, NOTES.get(cell_type, ""), size=9.5, color=MUTED)


def bounds(graph: Graph) -> tuple[float, float, float, float]:
    """Left, right, bottom, top of a drawn cell with its title and margins."""
    edges = [(p.y - p.height / 2, p.y + p.height / 2) for c in graph.columns for p in c]
    right = column_x(graph, len(graph.columns) - 1) + 0.75
    return -0.7, right, min(low for low, _ in edges) - 0.3, max(high for _, high in edges) + 0.9


def column_x(graph: Graph, column: int) -> float:
    """Horizontal centre of a column's circles."""
    is_output = column == len(graph.columns) - 1
    return column * (BLOCK + GAP) - (BLOCK - 2 * RADIUS - 0.35 if is_output else 0)


def draw_cell(axes: Axes, genotype: Genotype, graph: Graph) -> None:
    """Draw the wires of each state, then boxes and circles on top of them."""
    edges = sorted(graph.edges(), key=lambda edge: edge.start.state)
    for _, group in itertools.groupby(edges, key=lambda edge: edge.start.state):
        draw_wires(axes, graph, list(group))
    for edge in edges:
        if edge.operation:
            x = column_x(graph, edge.end.column)
            left = x + RADIUS - BLOCK
            colour = FAINT if edge.operation == "none" else WIRE
            draw_curve(axes, (left + BOX, edge.y), (x, edge.end.y), colour)
            draw_box(axes, left, edge.y, edge.operation)
    for place in (place for column in graph.columns for place in column if not place.passing):
        draw_circle(axes, graph, place, state_label(genotype, place))
    output = graph.columns[-1][0]
    if len(output.inputs) > 1:
        x, y = column_x(graph, output.column), output.y - 2.2 * RADIUS
        axes.text(x, y, "concat", size=8, color=MUTED, ha="center", va="center")


def draw_wires(axes: Axes, graph: Graph, edges: list[Edge]) -> None:
    """Draw the wires of one state, with a white halo that separates them from other wires."""
    strong = [carries_data(graph, edge) for edge in edges]
    for edge in edges:
        if edge.end is not graph.columns[-1][0]:  # wires into the output do not cross
            draw_curve(axes, *ends(graph, edge), "white", width=4.5)
    for colour, drawn in ((FAINT, False), (WIRE, True)):
        for edge in itertools.compress(edges, (is_strong == drawn for is_strong in strong)):
            start, end = ends(graph, edge)
            draw_curve(axes, start, end, colour)
            if edge.end.passing:
                draw_curve(axes, end, (column_x(graph, edge.end.column), edge.y), colour)


def carries_data(graph: Graph, edge: Edge) -> bool:
    """Whether a wire leads to an operation other than `none`, or is the only wire to the output."""
    if edge.operation:
        return edge.operation != "none"
    output = graph.columns[-1][0]
    return graph.feeds_operation(edge.end) or (edge.end is output and len(output.inputs) == 1)


def ends(graph: Graph, edge: Edge) -> tuple[tuple[float, float], tuple[float, float]]:
    """The points (x, y) at which a wire starts and ends."""
    start = column_x(graph, edge.start.column) + (0 if edge.start.passing else RADIUS)
    end = column_x(graph, edge.end.column) + RADIUS - BLOCK
    if edge.end is graph.columns[-1][0]:
        end = column_x(graph, edge.end.column) - RADIUS
    return (start, edge.start.y), (end, edge.y)


def state_label(genotype: Genotype, place: DrawnPlace) -> str:
    """Label of a state: c_{k-2} or c_{k-1} for an input, c_k for the output, else its number."""
    _, n_inputs, n_nodes = SHAPES[genotype.space]
    if place.state < n_inputs:
        return f"$c_{{k-{n_inputs - place.state}}}$"
    return "$c_k$" if place.state == n_inputs + n_nodes else str(place.state)


def draw_curve(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    width: float = 1.5,
) -> None:
    """A curve that leaves and arrives horizontally."""
    (x, y), (u, v) = start, end
    middle = (x + u) / 2
    curve = Curve(
        [(x, y), (middle, y), (middle, v), (u, v)],
        [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4],
    )
    # A halo has blunt ends, so that it does not cover the shape that it starts from.
    cap = "butt" if colour == "white" else "round"
    axes.add_patch(PathPatch(curve, fc="none", ec=colour, lw=width, capstyle=cap, zorder=1))


def draw_box(axes: Axes, left: float, y: float, operation: str) -> None:
    """Draw the labelled box of an operation, coloured by its kind."""
    fill, outline = COLOURS.get(operation.split("_")[0], OTHER_COLOURS)
    shape = FancyBboxPatch(
        (left, y - BOX_HEIGHT / 2),
        BOX,
        BOX_HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.14",
        fc=fill,
        ec=outline,
        lw=1.2,
        ls="--" if operation == "none" else "-",
        zorder=3,
    )
    axes.add_patch(shape)
    axes.text(
        left + BOX / 2,
        y,
        operation_label(operation),
        size=8.5,
        color=MUTED if operation == "none" else INK,
        ha="center",
        va="center",
        zorder=4,
    )


def operation_label(operation: str) -> str:
    """`sep_conv_3x3` as `sep conv 3×3`; the benchmark's prefix `nor` is left out."""
    words = operation.removeprefix("nor_").replace("_connect", "").split("_")
    return " ".join(word.replace("x", "×") if word[0].isdigit() else word for word in words)


def draw_circle(axes: Axes, graph: Graph, place: DrawnPlace, label: str) -> None:
    """Draw a state: inputs and output are dark, nodes white."""
    dark = not place.inputs or place is graph.columns[-1][0]
    x, y = column_x(graph, place.column), place.y
    radius = RADIUS * (1.35 if dark else 1.0)
    axes.add_patch(Circle((x, y), radius, fc=INK if dark else "white", ec=INK, lw=1.3, zorder=3))
    colour = "white" if dark else INK
    axes.text(x, y, label, size=9.5, color=colour, ha="center", va="center_baseline", zorder=4)
