"""Quality of a classifier: accuracy in total and by class, confusion matrix, constant baseline.

Each accuracy has a 95 % interval (Wilson, 1927). The baseline always predicts the largest class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.files import replacing, write_csv, write_json
from pipeline.training.evaluation import Evaluation

Z = 1.959963984540054  # 97.5 % quantile of the normal distribution
MOST_NAMED = 60  # with more classes, a picture shows no names
MOST_LETTERS = 24  # of a name in a picture


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Lower and upper end of the interval of a share."""
    share, z2 = hits / n, Z**2 / n
    centre, half = share + z2 / 2, Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n))
    return max(0.0, (centre - half) / (1 + z2)), min(1.0, (centre + half) / (1 + z2))


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """Accuracies with the ends of their intervals and the baseline, as fractions."""
    n, hits = evaluation.n, int(evaluation.confusion.trace())
    baseline = int(evaluation.confusion.sum(axis=1).max()) / n
    low, high = wilson(hits, n)
    low5, high5 = wilson(evaluation.n_top5, n)
    return {
        "n": n,
        "accuracy": hits / n,
        "accuracy_low": low,
        "accuracy_high": high,
        "top5_accuracy": evaluation.n_top5 / n,
        "top5_accuracy_low": low5,
        "top5_accuracy_high": high5,
        "majority_accuracy": baseline,
        "beats_majority": low > baseline,
    }


def by_class(evaluation: Evaluation, names: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each class: images, recall with its interval, precision."""
    rows = []
    for label, name in enumerate(names):
        n, hits = int(evaluation.confusion[label].sum()), int(evaluation.confusion[label, label])
        answers = int(evaluation.confusion[:, label].sum())
        low, high = wilson(hits, n) if n else (None, None)
        others = evaluation.confusion[label].copy()
        others[label] = 0
        rows.append(
            {
                "class": name,
                "images": n,
                "recall": hits / n if n else None,
                "recall_low": low,
                "recall_high": high,
                "precision": hits / answers if answers else None,
                "most_taken_for": names[int(others.argmax())] if others.any() else "",
            }
        )
    return rows


def write(evaluation: Evaluation, names: Sequence[str], folder: Path) -> list[Path]:
    """Write `evaluation.json`, `classes.csv`, `confusion.csv` and `confusion.png`."""
    write_json(folder / "evaluation.json", summary(evaluation))
    write_csv(folder / "classes.csv", by_class(evaluation, names))
    rows = [
        {
            "true class": name,
            **{f"answer {other}": int(n) for other, n in zip(names, row, strict=True)},
        }
        for name, row in zip(names, evaluation.confusion, strict=True)
    ]
    write_csv(folder / "confusion.csv", rows)
    _draw(evaluation, names, folder / "confusion.png")
    files = ("evaluation.json", "classes.csv", "confusion.csv", "confusion.png")
    return [folder / name for name in files]


def words(evaluation: Evaluation) -> str:
    """A line about the accuracy, with a warning if the network does not beat the baseline."""
    s = summary(evaluation)
    several = len(evaluation.confusion) > 5
    top5 = f"among the first five {s['top5_accuracy']:.4f}, " if several else ""
    line = (
        f"accuracy {s['accuracy']:.4f} ({s['accuracy_low']:.4f} to {s['accuracy_high']:.4f}), "
        f"{top5}of {s['n']} images; "
        f"the most frequent class alone: {s['majority_accuracy']:.4f}"
    )
    if s["beats_majority"]:
        return line
    return (
        f"{line}. Warning: not clearly better than always naming that class; train for longer, "
        "with more images, or at another learning rate"
    )


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as aligned text; numbers with four decimals."""
    columns = list(rows[0])
    cells = [columns, *([_text(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)


def _draw(evaluation: Evaluation, names: Sequence[str], path: Path) -> None:
    """Draw the confusion matrix; a row shows the answers for one true class, as shares."""
    from matplotlib.figure import Figure  # imported only here, because it takes a second

    shares = evaluation.confusion / np.maximum(evaluation.confusion.sum(axis=1, keepdims=True), 1)
    shown = [_label(name, n) for n, name in enumerate(names)] if len(names) <= MOST_NAMED else []
    side = min(12.0, 3.0 + 0.3 * len(names)) + 0.08 * max(map(len, shown), default=0)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="answer", ylabel="true class")
    if shown:
        axes.set_xticks(range(len(names)), shown, rotation=90, parse_math=False)
        axes.set_yticks(range(len(names)), shown, parse_math=False)
    with replacing(path) as temporary:
        figure.savefig(temporary, metadata={"Software": None})


def _label(name: str, number: int) -> str:
    """A class's name in one short line, or its number (from 0) if the font lacks its letters."""
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    line = " ".join(name.split())
    if not line or any(font.get_char_index(ord(letter)) == 0 for letter in line):
        return f"class {number}"
    half = MOST_LETTERS // 2
    return line if len(line) <= MOST_LETTERS else f"{line[: half - 1]}…{line[-half:]}"
