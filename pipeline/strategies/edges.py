"""Strength for strategies that rank edges by something else than alpha.

DARTS keeps of each node the two edges with the largest softmax weight of their strongest
operation. A strategy with an importance of its own for edges says so by a strength whose softmax
puts the importance there. NAS-Bench-201 keeps all edges, so there is nothing to rank there.
"""

from __future__ import annotations

import numpy as np

from pipeline.spaces import Space

# Incoming edges of a node that a genotype keeps, by family of spaces; else all.
KEPT_EDGES = {"darts": 2}


def ranked_strength(space: Space, mixing: np.ndarray, importance: np.ndarray) -> np.ndarray:
    """A strength under which operations rank by their weights and edges by their importance.

    The strongest operation of an edge, `none` aside, gets (1 + importance) / 2, at least one half,
    and the others share the rest in proportion to their weights. Where a genotype keeps all edges,
    operations rank by their weights alone, `none` among them.

    Args:
        space: whose players these are.
        mixing: [edges, operations], at least 0.
        importance: [edges], in [0, 1].

    Returns:
        float64 [edges * operations], logarithms.
    """
    if space.family not in KEPT_EDGES:
        return np.log(mixing + 1e-9).ravel()
    edges = np.arange(len(mixing))
    selectable = space.selectable().reshape(mixing.shape)
    best = np.where(selectable, mixing, -1.0).argmax(axis=1)
    share = (1 + np.clip(importance, 1e-6, 1 - 1e-6)) / 2
    others = mixing + 1e-9
    others[edges, best] = 0.0
    others *= ((1 - share) / others.sum(axis=1))[:, None]
    others[edges, best] = share
    return np.log(others).ravel()


def softmax_rows(
    alpha: np.ndarray, n_operations: int, kept: np.ndarray | None = None
) -> np.ndarray:
    """Softmax of alpha [n_players] over each edge, [edges, operations].

    Over the operations that `kept`, bool [edges, operations], names, 0 for the others; None: all.
    """
    table = alpha.reshape(-1, n_operations)
    mixing = np.exp(table - table.max(axis=1, keepdims=True))
    mixing = mixing if kept is None else mixing * kept
    return np.asarray(mixing / mixing.sum(axis=1, keepdims=True))


def without_skips(space: Space, strength: np.ndarray, most: int) -> np.ndarray:
    """Weaken skip connections until the genotype has few enough in its normal cell.

    As P-DARTS does: the weakest of those chosen gives way first.

    Args:
        space: of the DARTS family.
        strength: float64 [n_players], logarithms of weights.
        most: skip connections allowed.

    Returns:
        a changed copy.
    """
    strength = strength.copy()
    skips = [
        p
        for p, player in enumerate(space.players)
        if player.cell_type == "normal" and player.operation == "skip_connect"
    ]
    while True:
        cell = space.genotype_from(strength).cells["normal"]
        chosen = {
            (node, source)
            for node, inputs in zip(space.nodes, cell, strict=True)
            for name, source in inputs
            if name == "skip_connect"
        }
        if len(chosen) <= most:
            return strength
        kept = [p for p in skips if space.edges[space.players[p].edge] in chosen]
        strength[min(kept, key=lambda p: strength[p])] = strength.min() - 1.0
