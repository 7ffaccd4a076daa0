"""Pictures of studies: Kendall's tau by permutations, by estimator and by epochs trained."""
# Tested in tests/shapley/test_docs.py.

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
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
SIZES = {
    "accuracy": "all coalitions",
    "accuracy, largest third": "largest third",
    "accuracy, middle third": "middle third",
    "accuracy, smallest third of coalitions": "smallest third",
    "accuracy, truncated at .5": "before truncation",
}
Rows = Sequence[dict[str, Any]]
Panel = tuple[str, Rows]  # title and rows


def permutations(measurement: Path, picture: Path) -> None:
    """`shapley_permutations.json`: tau with its interval for each value function, as SVG."""
    _draw(_by_supernet(measurement), picture, _by_permutations, (4, 3))


def estimators(measurement: Path, picture: Path) -> None:
    """`shapley_estimators.json`: tau with its interval for each estimator, as SVG."""
    # Each panel lists the estimators of all supernets, because some supernets lack an estimator.
    of_all = {row["estimator"] for row in read_json(measurement)["rows"]} - {"ceiling"}
    panel = partial(_by_estimator, sorted(of_all, reverse=True))
    _draw(_by_supernet(measurement), picture, panel, (4, 4.2))


def supernets(measurement: Path, picture: Path) -> None:
    """`oracle_supernets.json`: tau with the table by age and coalition sizes, as SVG."""
    rows = read_json(measurement)["rows"]
    _draw([[*_grouped(rows, "way").items()]], picture, _by_age, (3.2, 3.4))


def _by_supernet(measurement: Path) -> list[list[Panel]]:
    """A panel for each supernet, in rows by way of training."""
    panels = _grouped(read_json(measurement)["rows"], "supernet")
    ways = dict.fromkeys(name.split(",")[0] for name in panels)
    return [[one for one in panels.items() if one[0].startswith(way)] for way in ways]


def _grouped(rows: Rows, key: str) -> dict[str, Rows]:
    return {name: [row for row in rows if row[key] == name] for name in (row[key] for row in rows)}


def _draw(
    lines: list[list[Panel]],
    picture: Path,
    panel: Callable[[Axes, Rows], None],
    size: tuple[float, float],
) -> None:
    """Draw rows of panels with one legend, as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    columns = max(map(len, lines))
    # Without both settings each drawing would be a different file.
    with mpl.rc_context({"svg.hashsalt": "shapley", "svg.fonttype": "none"}):
        figure = Figure((size[0] * columns, size[1] * len(lines)), layout="constrained")
        grid = figure.subplots(len(lines), columns, sharex=True, sharey=True, squeeze=False)
        for line, of_line in zip(lines, grid, strict=True):
            for (name, rows), axes in zip(line, of_line, strict=False):
                panel(axes, rows)
                axes.set_title(name)
            for axes in of_line[len(line) :]:
                axes.set_visible(False)
        shown = grid[0][0].get_legend_handles_labels()
        figure.legend(*shown, frameon=False, loc="outside lower center", ncols=3)
        with replacing(picture) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def _by_permutations(axes: Axes, rows: Rows) -> None:
    for place, (reading, title) in enumerate(TITLES.items()):
        own = [row for row in rows if row["reading"] == reading]
        axes.errorbar(
            [row["permutations"] * 1.02**place for row in own],
            [row["tau"]["mean"] for row in own],
            # The interval of two blocks is meaningless.
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


def _by_estimator(names: Sequence[str], axes: Axes, rows: Rows) -> None:
    costs = {0.2: "a fifth of plain's image-forwards", 0.5: "half of them", 1: "all of them"}
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


def _by_age(axes: Axes, rows: Rows) -> None:
    for reading, title in SIZES.items():
        own = [row for row in rows if (row["reading"], row["batch_norm"]) == (reading, "batch")]
        own.sort(key=lambda row: row["age"])
        axes.plot([row["age"] for row in own], [row["table_tau"] for row in own], "o-", label=title)
    axes.axhline(0, color="0.8", linewidth=0.8)
    axes.set(xlabel="passes", ylabel="tau with the table", xticks=[row["age"] for row in own])
    axes.tick_params(labelbottom=True)


DRAWN = {
    "shapley_permutations": permutations,
    "shapley_estimators": estimators,
    "oracle_supernets": supernets,
}
