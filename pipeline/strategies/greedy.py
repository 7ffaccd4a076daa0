"""Scores by which SGAS (Li et al., CVPR 2020) picks the edge whose operation it fixes next.

Let p be the softmax of α over the operations of an edge, and H the entropy of p without `none`:

    S_EI = 1 - p(none)                                         importance
    S_SC = 1 - H / max H                                       certainty
    S_SS = mean histogram intersection with earlier epochs     stability

Each score is scaled to [0, 1] within each cell type. Criterion 1 is the product S_EI S_SC, and
criterion 2 is the product S_EI S_SC S_SS.
"""
# Tested in tests/strategies/test_edges.py.

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.spaces import Space

OPEN, PRUNED = -1, -2


class Decisions:
    """The decisions about edges so far.

    Attributes:
        operation: int64 [edges], the chosen operation, or `OPEN`, or `PRUNED`.
        order: int64 [edges], the round of the decision; -1 if undecided.
    """

    def __init__(self, space: Space):
        self._space = space
        self.operation = np.full(space.n_edges, OPEN)
        self.order = np.full(space.n_edges, -1)

    def decide(self, score: np.ndarray, p: np.ndarray, round_: int) -> None:
        """In each cell type, give the best-scored open edge its strongest operation."""
        for edges in np.split(np.arange(self._space.n_edges), len(self._space.cell_types)):
            candidates = edges[self.operation[edges] == OPEN]
            if len(candidates):
                edge = candidates[score[candidates].argmax()]
                self.operation[edge], self.order[edge] = p[edge].argmax(), round_
                self._prune(edge)

    def _prune(self, edge: int) -> None:
        """Drop the open edges of a node that has enough decided edges."""
        n = len(self._space.edges)
        target, _ = self._space.edges[edge % n]
        beside = edge - edge % n + np.array([e for e, _ in self._space.incoming(target)])
        enough = self._space.kept_edges or len(beside)
        if (self.operation[beside] >= 0).sum() == enough:
            self.operation[beside[self.operation[beside] == OPEN]] = PRUNED


def edge_scores(
    mixing: np.ndarray,
    selectable: np.ndarray,
    n_cell_types: int,
    past: Sequence[np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Score of each edge by criterion 1 of SGAS, or by criterion 2 if `past` is given.

    Args:
        mixing: softmax of alpha [edges, operations].
        selectable: bool [edges, operations], all operations except `none`.
        n_cell_types: number of cell types.
        past: the arrays p of earlier epochs, for S_SS.

    Returns:
        scores [edges] in [0, 1], and p [edges, operations], the softmax without `none`.
    """
    p = mixing * selectable
    importance = p.sum(axis=1)
    p = p / importance[:, None]
    entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)
    most = np.log(np.maximum(selectable.sum(axis=1), 2))
    terms = [importance, 1 - entropy / most]
    if past:
        terms.append(np.mean([np.minimum(p, q).sum(axis=1) for q in past], axis=0))
    tables = [scaled(term.reshape(n_cell_types, -1)) for term in terms]
    return np.prod(tables, axis=0).ravel(), p


def scaled(table: np.ndarray) -> np.ndarray:
    """Scale to [0, 1] over the last axis; all ones if all values are equal."""
    low, high = table.min(axis=-1, keepdims=True), table.max(axis=-1, keepdims=True)
    return np.where(high - low > 1e-12, (table - low) / np.maximum(high - low, 1e-12), 1.0)
