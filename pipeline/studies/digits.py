"""Quality of `nasbench_digits`: noise between seeds, and agreement with NAS-Bench-201's table.

All numbers are computed over the 6,466 distinct cells: the mean of isomorphic cells counts as one
value. Intervals are percentile bootstraps over distinct cells.
"""
# Tested in tests/studies/test_table.py.

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import seeds
from pipeline.nasbench import DIGITS_ACCURACIES, Table, cells
from pipeline.nasbench.additive import N_BOOTSTRAP, bootstrap, kendall, spearman
from pipeline.nasbench.table import ROW_OF

BEST = 1000  # number of best cells of the real table
REAL = ("cifar10_test", "cifar10_valid", "cifar100_test", "imagenet16_test")


def digits_rows(
    digits: Table, real: Table, n_bootstrap: int = N_BOOTSTRAP
) -> Iterator[dict[str, Any]]:
    """Rows that compare two trainings of each cell, then digits with the benchmark."""
    classes = classes_of()
    for column in DIGITS_ACCURACIES:
        singles = [name for name in digits.columns if name.startswith(f"{column}_seed")][:2]
        a, b = (class_means(digits, name, classes) for name in singles)
        yield {
            "pair": f"{column}: {' and '.join(name.rsplit('_', 1)[1] for name in singles)}",
            "noise": round(float(np.sqrt(np.mean((a - b) ** 2) / 2)), 3),
            "spread": round(float(((a + b) / 2).std()), 3),
            **correlations(a, b, n_bootstrap),
        }
    valid, test = (class_means(digits, column, classes) for column in DIGITS_ACCURACIES)
    yield {"pair": " and ".join(DIGITS_ACCURACIES), **correlations(valid, test, n_bootstrap)}
    others = {column: class_means(real, column, classes) for column in REAL}
    for column, other in others.items():
        yield {"pair": f"digits_test and {column}", **correlations(test, other, n_bootstrap)}
    other = others[REAL[0]]
    best = np.argsort(other)[-BEST:]
    pair = f"digits_test and {REAL[0]}, its best {BEST:,}"
    yield {"pair": pair, **correlations(test[best], other[best], n_bootstrap)}


def classes_of() -> NDArray[np.int64]:
    """The isomorphism class of each cell, int64[15625], 0 to 6,465."""
    texts = [cells.unique_text(tuple(code)) for code in cells.codes()]
    place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    return np.array([place[text] for text in texts])


def class_means(table: Table, column: str, classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of a column over each isomorphism class, float64[classes]."""
    by_number = table.column(column)[np.asarray(table.rows[ROW_OF])]
    return np.bincount(classes, weights=by_number) / np.bincount(classes)


def correlations(
    a: NDArray[np.float64], b: NDArray[np.float64], n_bootstrap: int
) -> dict[str, Any]:
    """Spearman's rho and Kendall's tau with their intervals."""
    found: dict[str, Any] = {"n": len(a)}
    for name, statistic in (("spearman", spearman), ("kendall", kendall)):
        rng = seeds.numpy_generator(0, "bootstrap", name)
        low, high = bootstrap(statistic, a, b, rng, n_bootstrap)
        found |= {name: round(statistic(a, b), 3), f"{name}_interval": f"{low:.3f} to {high:.3f}"}
    return found
