"""SGAS: fixes the operations edge by edge while the supernet is trained.

Li, Qian, Delgadillo, Müller, Thabet, Ghanem, "SGAS: sequential greedy architecture search"
(CVPR 2020).

The search is DARTS. In each cell type, a decision selects the undecided edge with the highest score
(`greedy.py`). The selected edge keeps only its strongest operation, and its α is no longer updated.
In DARTS' spaces, when two incoming edges of a node are decided, its other incoming edges are
removed. Deviation: the batch size does not grow during the search.
"""
# Tested in tests/strategies/test_edges.py.

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.data import Images
from pipeline.spaces.space import softmax
from pipeline.strategies.edges import ranked_strength
from pipeline.strategies.gradient import GradientSearch
from pipeline.strategies.greedy import OPEN, PRUNED, Decisions, edge_scores


class Sgas(GradientSearch):
    """Edges decided one by one."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._decisions = Decisions(self.space)
        self._past: list[np.ndarray] = []

    def epoch(self, epoch: int, train: Images, valid: Images) -> dict[str, float]:
        """Run algorithm 1, then make the decisions that are due."""
        metrics = super().epoch(epoch, train, valid)
        score, p = self._scores()
        self._past = [*self._past, p][-self.settings.history :]
        share = (epoch + 1) / self.search.epochs - self.settings.start
        due = math.floor(share / self.settings.every + 1e-9) + 1
        for round_ in range(self._decisions.order.max() + 1, due):
            self._decisions.decide(score, p, round_)
        return {**metrics, "edges_open": int((self._decisions.operation == OPEN).sum())}

    def _scores(self) -> tuple[np.ndarray, np.ndarray]:
        mixing = softmax(self.alpha().reshape(-1, self.space.n_operations))
        selectable = self.space.selectable().reshape(mixing.shape)
        past = self._past if self.settings.criterion == 2 else None
        return edge_scores(mixing, selectable, len(self.space.cell_types), past)

    def relaxed(self) -> Tensor:
        """Softmax on open edges, one-hot on decided edges, 0 on pruned edges."""
        operation = torch.from_numpy(self._decisions.operation).to(self.device)
        soft = super().relaxed().view(len(operation), -1)
        fixed = torch.nn.functional.one_hot(operation.clamp_min(0), soft.shape[1]).to(soft)
        fixed = fixed * (operation >= 0)[:, None]
        return torch.where((operation == OPEN)[:, None], soft, fixed).flatten()

    def strength(self) -> np.ndarray:
        """Strengths that rank decided edges first, then open edges by score, then pruned edges."""
        score, mixing = self._scores()
        operation, order = self._decisions.operation, self._decisions.order
        first = operation >= 0
        mixing[first] = np.eye(self.space.n_operations)[operation[first]]
        importance = np.where(first, 1 - 1e-3 * (order + 1), 0.4 * score + 0.1)
        importance[operation == PRUNED] = 0
        return ranked_strength(self.space, mixing, importance)

    def state_dict(self) -> dict[str, Any]:
        """All that the next epoch depends on, with the decisions."""
        decisions = np.stack([self._decisions.operation, self._decisions.order])
        past = [torch.from_numpy(p) for p in self._past]
        return {**super().state_dict(), "decisions": torch.from_numpy(decisions), "past": past}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self._decisions.operation, self._decisions.order = state["decisions"].numpy().copy()
        self._past = [p.numpy().copy() for p in state["past"]]
