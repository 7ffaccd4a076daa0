r"""How much the value of a game drops when one player leaves, and when two players leave.

    drop of i          d_i  = V(N) - V(N \ {i})
    drop of i and j    d_ij = V(N) - V(N \ {i, j})
    interaction        d_ij - d_i - d_j

The interaction of independent players is zero. Shapley-NAS (Xiao et al., CVPR 2022, section 3.1 and
Fig. 2) claims that operations are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.shapley.game import Game


def removal_drops(game: Game, players: Sequence[int]) -> NDArray[np.float64]:
    """Drops d_ij of V when players i and j leave: float64[k, k], symmetric; the diagonal is d_i."""
    k = len(players)
    pairs = [(i, j) for i in range(k) for j in range(i, k)]
    coalitions = np.ones((1 + len(pairs), game.n_players), dtype=bool)
    for row, (i, j) in enumerate(pairs, start=1):
        coalitions[row, [players[i], players[j]]] = False
    values = game.value(coalitions)
    drops = np.empty((k, k))
    for (i, j), value in zip(pairs, values[1:], strict=True):
        drops[i, j] = drops[j, i] = values[0] - value
    return drops


def interactions(drops: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interactions d_ij - d_i - d_j, float64[k, k], from `removal_drops`; NaN on the diagonal."""
    alone = drops.diagonal()
    beyond = drops - alone[:, None] - alone
    np.fill_diagonal(beyond, np.nan)
    return beyond
