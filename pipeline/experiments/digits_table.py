"""How good is `nasbench_digits`? Its noise between seeds, and its ranking beside the real table's.

    python -m pipeline.experiments.digits_table --measurements docs/measurements

All numbers are over the 6,466 distinct cells, so that no isomorphic pair counts twice; a cell's
value in the real table is the mean over those that are isomorphic to it. Intervals are percentile
bootstraps over distinct cells.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from pipeline import provenance, seeds
from pipeline.errors import InputError
from pipeline.files import write_json
from pipeline.nasbench import DIGITS_ACCURACIES, EMBEDDED, Table, cells, find_table
from pipeline.nasbench.additive import N_BOOTSTRAP, bootstrap, kendall, spearman
from pipeline.nasbench.table import ROW_OF

BEST = 1000  # of the distinct cells, by the real table: what a search must tell apart
REAL = ("cifar10_test", "cifar10_valid", "cifar100_test", "imagenet16_test")


def class_means(table: Table, column: str, classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of a column over each class of isomorphic cells, float64[classes].

    Args:
        table: the table.
        column: one of its columns.
        classes: int64[15625], class of each cell by its number (see `cells`).
    """
    by_number = table.column(column)[np.asarray(table.rows[ROW_OF])]
    return np.bincount(classes, weights=by_number) / np.bincount(classes)


def classes_of() -> NDArray[np.int64]:
    """The class of each cell by number, int64[15625], 0 to 6,465."""
    texts = [cells.unique_text(tuple(code)) for code in cells.codes()]
    place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    return np.array([place[text] for text in texts])


def seed_columns(table: Table, column: str) -> list[str]:
    """The columns of the single trainings."""
    return [name for name in table.columns if name.startswith(f"{column}_seed")]


def noise_rows(digits: Table, n_bootstrap: int) -> Iterator[dict[str, Any]]:
    """One training against another of the same cell, and the two parts against each other."""
    classes = classes_of()
    for column in DIGITS_ACCURACIES:
        singles = seed_columns(digits, column)[:2]
        a, b = (class_means(digits, name, classes) for name in singles)
        yield {
            "pair": f"{column}: {' and '.join(name.rsplit('_', 1)[1] for name in singles)}",
            "noise": round(float(np.sqrt(np.mean((a - b) ** 2) / 2)), 3),
            "spread": round(float(((a + b) / 2).std()), 3),
            **correlations(a, b, n_bootstrap),
        }
    valid, test = (class_means(digits, column, classes) for column in DIGITS_ACCURACIES)
    yield {"pair": " and ".join(DIGITS_ACCURACIES), **correlations(valid, test, n_bootstrap)}


def real_rows(digits: Table, real: Table, n_bootstrap: int) -> Iterator[dict[str, Any]]:
    """Digits against the benchmark, over all distinct cells and over its best."""
    classes = classes_of()
    test = class_means(digits, DIGITS_ACCURACIES[1], classes)
    for column in REAL:
        other = class_means(real, column, classes)
        yield {"pair": f"digits_test and {column}", **correlations(test, other, n_bootstrap)}
    other = class_means(real, REAL[0], classes)
    best = np.argsort(other)[-BEST:]
    yield {
        "pair": f"digits_test and {REAL[0]}, its best {BEST:,}",
        **correlations(test[best], other[best], n_bootstrap),
    }


def correlations(
    a: NDArray[np.float64], b: NDArray[np.float64], n_bootstrap: int
) -> dict[str, Any]:
    """Spearman's rho and Kendall's tau with their intervals."""
    found: dict[str, Any] = {"n": len(a)}
    for name, statistic in (("spearman", spearman), ("kendall", kendall)):
        low, high = bootstrap(
            statistic, a, b, seeds.numpy_generator(0, "bootstrap", name), n_bootstrap
        )
        found |= {name: round(statistic(a, b), 3), f"{name}_interval": f"{low:.3f} to {high:.3f}"}
    return found


def measurement(digits: Table, real: Table, n_bootstrap: int = N_BOOTSTRAP) -> dict[str, Any]:
    """The measurement of both tables."""
    record = provenance.collect({}, 0, "cpu", 0.0)
    return {
        "command": "python -m pipeline.experiments.digits_table",
        "commit": record["git_commit"],
        "machine": record["cpu"],
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "seeds": f"{len(seed_columns(digits, DIGITS_ACCURACIES[0]))} trainings of each cell",
        "rows": [*noise_rows(digits, n_bootstrap), *real_rows(digits, real, n_bootstrap)],
        **WORDS,
    }


WORDS: dict[str, Any] = {
    "title": "nasbench_digits: its noise, and its ranking beside the real table's",
    "question": (
        "How far do two trainings of a cell on digits differ, and does the table rank cells as "
        "NAS-Bench-201 does?"
    ),
    "columns": {
        "pair": "Between",
        "n": "Cells",
        "noise": "Noise of one training (points)",
        "spread": "Spread over cells (points)",
        "spearman": "Spearman's rho",
        "spearman_interval": "95 % interval",
        "kendall": "Kendall's tau",
        "kendall_interval": "95 % interval",
    },
    "notes": [
        "Over distinct cells; noise is the standard deviation of one training of a cell, from the "
        "difference of two; spread the deviation over cells of their mean.",
        f"Percentile bootstraps over cells, {N_BOOTSTRAP:,} draws.",
    ],
    "does_not_show": [
        "That a method which is better on digits is better on CIFAR-10.",
        "The noise of the real table, whose trials per cell the shared file does not have.",
    ],
}


@click.command()
@click.option("--table", type=Path, default=EMBEDDED, help="nasbench_digits [the package's]")
@click.option("--data-root", envvar="SHAPLEY_NAS_DATA", type=Path, required=True)
@click.option("--measurements", type=Path, default=Path("docs/measurements"), show_default=True)
def main(table: Path, data_root: Path, measurements: Path) -> None:
    """Write the measurement `nasbench_digits.json`."""
    real = find_table(data_root)
    if real is None:
        raise InputError(f"{data_root}: no nas_bench_201/nas_bench_201.csv.gz there")
    path = measurements / "nasbench_digits.json"
    write_json(path, measurement(Table.load(table), Table.load(real)))
    print(json.dumps({"measurement": str(path)}))


if __name__ == "__main__":
    main()
