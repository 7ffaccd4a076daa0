"""Pictures of a genotype: each cell as a graph, inputs on the left, output on the right."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.files import replacing
from pipeline.networks.placement import RADIUS, Edge, Graph, Place, arrange, n_input_states
from pipeline.spaces.genotype import Genotype

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCALE = 0.72  # inches a unit
BOX, BOX_HEIGHT = 1.62, 0.46  # an operation's box
BLOCK = BOX + 0.42 + 2 * RADIUS  # a node with its boxes
GAP = 0.95  # between columns: room for the curves
INK, MUTED, WIRE, FAINT = "#1f2933", "#52606d", "#7b8794", "#c3ccd5"
FONT = "DejaVu Sans"  # ships with matplotlib: the same picture everywhere

# Fill and outline by the kind of operation.
COLOURS = {
    "sep": ("#dbeafe", "#3b82f6"),
    "dil": ("#d1fae5", "#10b981"),
    "nor": ("#dbeafe", "#3b82f6"),
    "max": ("#ffedd5", "#f59e0b"),
    "avg": ("#fce7f3", "#ec4899"),
    "skip": ("#f1f5f9", "#64748b"),
    "none": ("#ffffff", "#c3ccd5"),
    "noise": ("#ede9fe", "#8b5cf6"),
}
TITLES = {"normal": "Normal cell", "reduce": "Reduction cell", "cell": "Cell"}
NOTES = {"reduce": "operations on the inputs have stride 2"}


def draw(genotype: Genotype, svg_path: Path | str, png_path: Path | str) -> None:
    """Draw every cell of a genotype, one below the other, as SVG and as PNG.

    Both files are a function of the genotype and matplotlib's version: no date, fixed ids.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    graphs = {cell_type: arrange(genotype, cell_type) for cell_type in genotype.cells}
    boxes = {cell_type: bounds(graph) for cell_type, graph in graphs.items()}
    width = max(right - left for left, right, _, _ in boxes.values())
    heights = [top - bottom for _, _, bottom, top in boxes.values()]
    scale = 0.72  # inches a unit
    style = {"svg.hashsalt": "shapley-nas", "font.family": FONT}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(scale * width, scale * sum(heights)), facecolor="white")
        FigureCanvasAgg(figure)
        top = 1.0
        for (cell_type, graph), height in zip(graphs.items(), heights, strict=True):
            share = height / sum(heights)
            axes = figure.add_axes((0.0, top - share, 1.0, share))
            left, _, bottom, upper = boxes[cell_type]
            axes.set(xlim=(left, left + width), ylim=(bottom, upper), aspect="equal")
            axes.axis("off")
            draw_cell(axes, genotype, cell_type, graph)
            axes.text(
                left + 0.3, upper - 0.42, TITLES[cell_type], size=12, weight="bold", color=INK
            )
            if cell_type in NOTES:
                axes.text(left + 2.5, upper - 0.42, NOTES[cell_type], size=9.5, color="#52606d")
            top -= share
        with replacing(svg_path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
        with replacing(png_path) as temporary:
            figure.savefig(temporary, format="png", dpi=160, metadata={"Software": None})


def bounds(graph: Graph) -> tuple[float, float, float, float]:
    """Left, right, bottom, top of a drawn cell with its title and margins."""
    edges = [(p.y - p.height / 2, p.y + p.height / 2) for c in graph.columns for p in c]
    right = column_x(graph, len(graph.columns) - 1) + 0.75
    return -0.7, right, min(low for low, _ in edges) - 0.3, max(high for _, high in edges) + 0.9


def column_x(graph: Graph, column: int) -> float:
    """Middle of the circles of a column; the output, which has no boxes, stands nearer."""
    is_output = column == len(graph.columns) - 1
    return column * (BLOCK + GAP) - (BLOCK - 2 * RADIUS - 0.35 if is_output else 0)


def draw_cell(axes: Axes, genotype: Genotype, cell_type: str, graph: Graph) -> None:
    """Draw the wires of one state after the other, then boxes and circles upon them."""
    last = len(graph.columns) - 1
    edges = sorted(graph.edges(), key=lambda edge: (edge.start.state, edge.start.column))
    for _, group in itertools.groupby(edges, key=lambda edge: edge.start.state):
        draw_wires(axes, graph, list(group))
    for edge in edges:
        if edge.operation:
            left, y = column_x(graph, edge.end.column) + RADIUS - BLOCK, edge.y
            end = (column_x(graph, edge.end.column), edge.end.y)
            faint = edge.operation == "none"
            draw_curve(axes, (left + BOX, y), end, WIRE if not faint else FAINT)
            draw_box(axes, left, y, edge.operation)
    for place in (p for column in graph.columns for p in column if not p.passing):
        draw_circle(axes, graph, place, state_label(genotype, place), place.column == last)
    if len(genotype.concat) > 1:
        output = graph.columns[last][0]
        axes.text(
            column_x(graph, last),
            output.y - 2.2 * RADIUS,
            "concat",
            size=8,
            color=MUTED,
            ha="center",
            va="center",
        )


def draw_wires(axes: Axes, graph: Graph, edges: list[Edge]) -> None:
    """Wires that carry one state: a white halo under all of them parts them from others."""
    last = len(graph.columns) - 1
    curves = []
    for edge in edges:
        start, end = edge.start, edge.end
        x = column_x(graph, start.column) + (0 if start.passing else RADIUS)
        left = column_x(graph, end.column) + RADIUS - BLOCK
        left = column_x(graph, last) - RADIUS if end.column == last else left
        is_data = edge.operation not in (None, "none") or graph.feeds_operation(end)
        points = [(x, start.y), (left, edge.y)]
        curves.append((points, edge, WIRE if is_data else FAINT))
    for (start_point, end_point), edge, _ in curves:
        if edge.end.column != last:
            draw_curve(axes, start_point, end_point, "white", width=4.5)
    for (start_point, end_point), edge, colour in sorted(curves, key=lambda c: c[2] == WIRE):
        draw_curve(axes, start_point, end_point, colour)
        if edge.end.passing:
            draw_curve(axes, end_point, (column_x(graph, edge.end.column), edge.y), colour)


def state_label(genotype: Genotype, place: Place) -> str:
    """c_{k-2}, c_{k-1} for inputs, c_k for the output; nodes by the number of their state."""
    n_inputs = n_input_states(genotype)
    n_states = n_inputs + len(next(iter(genotype.cells.values())))
    if place.state < n_inputs:
        return f"$c_{{k-{n_inputs - place.state}}}$"
    return "$c_k$" if place.state == n_states else str(place.state)


def draw_curve(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    width: float = 1.5,
) -> None:
    """A curve that leaves and arrives horizontally."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    (x, y), (u, v) = start, end
    middle = (x + u) / 2
    curve = Curve(
        [(x, y), (middle, y), (middle, v), (u, v)],
        [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4],
    )
    # A halo ends bluntly, so that it does not bite into what it starts from.
    cap = "butt" if colour == "white" else "round"
    axes.add_patch(PathPatch(curve, fc="none", ec=colour, lw=width, capstyle=cap, zorder=1))


def draw_box(axes: Axes, left: float, y: float, operation: str) -> None:
    """An operation's labelled box, coloured by its kind."""
    from matplotlib.patches import FancyBboxPatch

    fill, outline = COLOURS[operation.split("_")[0]]
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


def draw_circle(axes: Axes, graph: Graph, place: Place, label: str, is_output: bool) -> None:
    """A state: inputs and output dark, nodes white."""
    from matplotlib.patches import Circle

    dark = not place.inputs or is_output
    radius = RADIUS * (1.35 if dark else 1.0)
    x = column_x(graph, place.column)
    axes.add_patch(
        Circle((x, place.y), radius, fc=INK if dark else "white", ec=INK, lw=1.3, zorder=3)
    )
    axes.text(
        x,
        place.y,
        label,
        size=9.5,
        color="white" if dark else INK,
        ha="center",
        va="center_baseline",
        zorder=4,
    )
