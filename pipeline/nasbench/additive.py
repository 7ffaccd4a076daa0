"""How well additive scores can rank the architectures of the NAS-Bench-201 table.

The score of an architecture is the sum of a strength for each of its operations. The main effects
are the strengths that fit the accuracies best by least squares:

    y    accuracies of the table, percent                   float64[15625]
    x    code of an architecture, operation on each edge    uint8[15625, 6]
    main effect of operation o on edge e: mean of y where x_e = o, minus the mean of y

Very low accuracies dominate the squared error. Main effects of the *ranks* of the accuracies
therefore give a larger Kendall's tau between scores and accuracies.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.nasbench.cells import EDGES, OPERATIONS

N_BOOTSTRAP = 1000
CONFIDENCE = 0.95
SHAPE = (len(EDGES), len(OPERATIONS))


def main_effects(codes: NDArray[np.uint8], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Main effects, float64[6, 5], in the unit of y."""
    means = [[y[codes[:, e] == o].mean() for o in range(SHAPE[1])] for e in range(SHAPE[0])]
    return np.array(means) - y.mean()


def ranks(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks of the values from 1, float64[n]; ties get their mean rank."""
    from scipy.stats import rankdata

    ranked: NDArray[np.float64] = rankdata(y)
    return ranked


def scores(codes: NDArray[np.uint8], strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean strength [6, 5] of the operations of each architecture, float64[n]."""
    return strength[np.arange(SHAPE[0]), codes].mean(axis=1)


def kendall(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Kendall's tau-b; 0 if one of the two is constant."""
    from scipy.stats import kendalltau

    return float(kendalltau(a, b).statistic) if np.ptp(a) and np.ptp(b) else 0.0


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's rho; 0 if one of the two is constant."""
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic) if np.ptp(a) and np.ptp(b) else 0.0


def bootstrap(
    statistic: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    rng: np.random.Generator,
    n: int = N_BOOTSTRAP,
) -> tuple[float, float]:
    """The 95 % bootstrap percentile interval of `statistic(a, b)`, from n resamples."""
    draws = rng.integers(len(a), size=(n, len(a)))
    values = [statistic(a[draw], b[draw]) for draw in draws]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
