"""From Shapley values to architecture parameters (paper, section 3.4).

    s_t = μ s_{t-1} + (1-μ) φ / ‖φ‖₂     (Eq. 7) -> `momentum_update`
    α_t = α_{t-1} + ε s_t / ‖s_t‖₂       (Eq. 6) -> `alpha_update`

    φ    Shapley values, NaN where unknown    -> `phi`    -> float64[n]
    s    accumulated Shapley values           -> `s`      -> float64[n]
    α    architecture parameters              -> `alpha`  -> float64[n]
    μ    momentum                             -> `mu`     -> 0.8 in the paper
    ε    step size                            -> `step`   -> 0.1 in the paper

The paper leaves some points open. The choices here are:
- Each group of players, such as a cell type, has its own norm. So alpha moves equally far in the
  normal and the reduction cell.
- A player with unknown φ keeps its s and does not count in ‖φ‖₂.
- If the norm of a group is zero, φ / ‖φ‖₂ or s / ‖s‖₂ is set to zero.

The released code (Euphoria16/Shapley-NAS, `change_alpha`) uses the z-score of φ in Eq. 7
(`z_score`), and s without scaling in Eq. 6 (`unscaled`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# (x, float64[n], NaN if unknown; groups, int[n]) -> float64[n], zero if unknown.
Scale = Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]


def normalise(x: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide x by ‖x‖₂ of its group, float64[n]; zero where the norm is zero or x is NaN."""
    x = np.where(np.isnan(x), 0.0, x)
    norm = np.sqrt(np.bincount(groups, weights=x**2))[groups]
    return np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)


def z_score(x: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """(x - mean) / standard deviation in each group, float64[n]; zero where x is NaN.

    Mean and deviation leave out NaN. The variance of k values is Σ (x - mean)² / (k - 1). If it is
    zero, all z-scores of the group are zero.
    """
    known = ~np.isnan(x)
    k = np.bincount(groups, weights=known)
    mean = np.bincount(groups, weights=np.where(known, x, 0.0)) / np.maximum(k, 1)
    centred = np.where(known, x - mean[groups], 0.0)
    variance = np.bincount(groups, weights=centred**2) / np.maximum(k - 1, 1)
    deviation = np.sqrt(variance)[groups]
    return np.divide(centred, deviation, out=np.zeros_like(x), where=deviation > 0)


def unscaled(x: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return x unchanged."""
    return x


def momentum_update(
    s: NDArray[np.float64],
    phi: NDArray[np.float64],
    mu: float,
    groups: NDArray[np.int64],
    scale: Scale = normalise,
) -> NDArray[np.float64]:
    """Update the accumulated Shapley values to s_t (paper, Eq. 7).

    `groups`, int[n], is the group of each player. `scale` normalises φ.
    """
    return np.where(np.isnan(phi), s, mu * s + (1 - mu) * scale(phi, groups))


def alpha_update(
    alpha: NDArray[np.float64],
    s: NDArray[np.float64],
    step: float,
    groups: NDArray[np.int64],
    scale: Scale = normalise,
) -> NDArray[np.float64]:
    """Update the architecture parameters to α_t (paper, Eq. 6).

    `groups`, int[n], is the group of each player. `scale` normalises s.
    """
    return alpha + step * scale(s, groups)
