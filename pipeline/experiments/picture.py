"""A picture of `shapley_permutations.json`: agreement against the number of permutations."""

from __future__ import annotations

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


def draw(measurement: Path, picture: Path) -> None:
    """Kendall's tau with its interval for each value function, as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = read_json(measurement)["rows"]
    supernets = [*dict.fromkeys(row["supernet"] for row in rows)]
    # Without both, every drawing would differ.
    with mpl.rc_context({"svg.hashsalt": "shapley", "svg.fonttype": "none"}):
        figure = Figure(figsize=(2 + 4 * len(supernets), 3.4), layout="constrained")
        panels = figure.subplots(1, len(supernets), sharey=True, squeeze=False)[0]
        for axes, supernet in zip(panels, supernets, strict=True):
            _panel(axes, [row for row in rows if row["supernet"] == supernet])
            axes.set_title(supernet)
        panels[0].set_ylabel("Kendall's tau with the reference")
        panels[0].legend(frameon=False)
        with replacing(picture) as temporary:
            figure.savefig(temporary, metadata={"Date": None})


def _panel(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """One supernet."""
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
    axes.set(xscale="log", xlabel="permutations")
    ticks = sorted({row["permutations"] for row in rows})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
