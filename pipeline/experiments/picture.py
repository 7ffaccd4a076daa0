"""Pictures of the study: agreement by permutations, and by estimator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files import read_json, replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {
    "accuracy": "accuracy",
    "truncated": "accuracy, truncated",
    "soft_accuracy": "probability of the true class",
    "negative_loss": "−loss",
}
Rows = Sequence[dict[str, Any]]


def permutations(measurement: Path, picture: Path) -> None:
    """`shapley_permutations.json`: tau with its interval for each value function, as SVG."""
    _draw(measurement, picture, _by_permutations, (4, 3))


def estimators(measurement: Path, picture: Path) -> None:
    """`shapley_estimators.json`: tau with its interval for each estimator, as SVG."""
    _draw(measurement, picture, _by_estimator, (4, 4.2))


def _draw(
    measurement: Path, picture: Path, panel: Callable[[Axes, Rows], None], size: tuple[float, float]
) -> None:
    """A panel a supernet: a row of them for each way of training, ages to the right."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = read_json(measurement)["rows"]
    supernets = [*dict.fromkeys(row["supernet"] for row in rows)]
    ways = [*dict.fromkeys(name.split(",")[0] for name in supernets)]
    columns = max(sum(name.startswith(way) for name in supernets) for way in ways)
    # Without both, every drawing would differ.
    with mpl.rc_context({"svg.hashsalt": "shapley", "svg.fonttype": "none"}):
        figure = Figure((size[0] * columns, size[1] * len(ways)), layout="constrained")
        grid = figure.subplots(len(ways), columns, sharex=True, sharey=True, squeeze=False)
        for line, way in zip(grid, ways, strict=True):
            own = [name for name in supernets if name.startswith(way)]
            for axes, name in zip(line, own, strict=False):
                panel(axes, [row for row in rows if row["supernet"] == name])
                axes.set_title(name)
            for axes in line[len(own) :]:
                axes.set_visible(False)
        shown = grid[0][0].get_legend_handles_labels()
        figure.legend(*shown, frameon=False, loc="outside lower center", ncols=2)
        with replacing(picture) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def _by_permutations(axes: Axes, rows: Rows) -> None:
    for place, (reading, title) in enumerate(TITLES.items()):
        own = [row for row in rows if row["reading"] == reading]
        axes.errorbar(
            [row["permutations"] * 1.02**place for row in own],
            [row["tau"]["mean"] for row in own],
            # Two blocks have an interval that says nothing.
            yerr=[row["tau"]["half_width"] if row["tau"]["n"] > 2 else 0 for row in own],
            marker="o",
            markersize=3,
            capsize=2,
            linewidth=1,
            label=title,
        )
    axes.set(xscale="log", xlabel="permutations", ylabel="Kendall's tau")
    ticks = sorted({row["permutations"] for row in rows})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.tick_params(labelbottom=True)


def _by_estimator(axes: Axes, rows: Rows) -> None:
    costs = {0.2: "a fifth of plain's image-forwards", 0.5: "half of them", 1: "plain"}
    names = sorted(row["estimator"] for row in rows if row["estimator"] != "ceiling")
    for cost, label in costs.items():
        own = [row for row in rows if abs(row.get("share", 0) - cost) < 0.05]
        axes.errorbar(
            [row["tau"]["mean"] for row in own],
            [names.index(row["estimator"]) for row in own],
            xerr=[row["tau"]["half_width"] or 0 for row in own],
            fmt="o",
            markersize=4,
            capsize=2,
            linewidth=1,
            label=label,
        )
    (ceiling,) = (row["tau"]["mean"] for row in rows if row["estimator"] == "ceiling")
    axes.axvline(ceiling, color="0.6", linestyle="--", label="one reference with the other")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xlabel("Kendall's tau")
    axes.tick_params(labelbottom=True)


DRAWN = {"shapley_permutations": permutations, "shapley_estimators": estimators}
