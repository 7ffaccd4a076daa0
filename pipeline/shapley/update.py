"""From Shapley values to architecture parameters (paper, section 3.4).

    s_t = μ s_{t-1} + (1-μ) φ / ‖φ‖₂     (Eq. 7) -> `momentum_update`
    α_t = α_{t-1} + ε s_t / ‖s_t‖₂       (Eq. 6) -> `alpha_update`

    φ    Shapley values, NaN where unknown    -> `phi`    -> float64[n]
    s    accumulated Shapley values           -> `s`      -> float64[n]
    α    architecture parameters              -> `alpha`  -> float64[n]
    μ    momentum                             -> `mu`     -> 0.8 in the paper
    ε    step size                            -> `step`   -> 0.1 in the paper

What the paper leaves open, and what is chosen here:
- The norm is taken over each group of players by itself; the strategy makes a group of each cell
  type, so that both types move equally far although one contributes more than the other.
- A player whose φ is unknown keeps its s, and has no part in ‖φ‖₂.
- A group whose norm is zero has no direction: its term is zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def momentum_update(
    s: NDArray[np.float64], phi: NDArray[np.float64], mu: float, groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Eq. 7: the accumulated Shapley values s_t.

    Args:
        s: s_{t-1}, float64[n].
        phi: φ, float64[n], NaN where unknown.
        mu: μ in [0, 1].
        groups: int[n], the group of each player.
    """
    known = ~np.isnan(phi)
    direction = normalise(np.where(known, phi, 0.0), groups)
    return np.where(known, mu * s + (1 - mu) * direction, s)


def alpha_update(
    alpha: NDArray[np.float64], s: NDArray[np.float64], step: float, groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Eq. 6: the architecture parameters α_t.

    Args:
        alpha: α_{t-1}, float64[n].
        s: s_t, float64[n].
        step: ε.
        groups: int[n], the group of each player.
    """
    return alpha + step * normalise(s, groups)


def normalise(x: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide x by ‖x‖₂, float64[n], the norm taken in each group; zero where the norm is zero."""
    norm = np.sqrt(np.bincount(groups, weights=x**2))[groups]
    return np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)
