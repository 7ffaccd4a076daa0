"""Computes the strengths of players (operations on edges), from which a genotype is chosen.

For each node, DARTS keeps the two edges with the strongest operations. In NAS-Bench-201 all edges
are kept.
"""

from __future__ import annotations

import numpy as np

from pipeline.spaces import Space


def ranked_strength(space: Space, mixing: np.ndarray, importance: np.ndarray) -> np.ndarray:
    """Strengths that rank operations by their weights and edges by their importance.

    A strength is the logarithm of the operation's share of its edge. The operation with the largest
    weight, except `none`, gets the share (1 + importance) / 2. The other operations divide the rest
    in proportion to their weights. If the genotype keeps all edges, importance is ignored, and a
    strength is the logarithm of the weight.

    Args:
        space: the search space.
        mixing: [edges, operations], weights of the operations, at least 0.
        importance: [edges], in [0, 1].

    Returns:
        float64 [edges * operations].
    """
    if space.kept_edges is None:
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


def without_skips(space: Space, strength: np.ndarray, most: int) -> np.ndarray:
    """Reduce strengths until the genotype's normal cell has at most `most` skip connections.

    As in P-DARTS, the genotype's weakest skip connection is reduced first. `strength`, float64
    [n_players], holds logarithms of softmax weights. The result is a changed copy.
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
