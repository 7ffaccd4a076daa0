"""Stops DARTS early if the largest eigenvalue λ of the Hessian ∇²_α L_val grows fast.

Zela et al., "Understanding and robustifying differentiable architecture search" (RobustDARTS,
ICLR 2020).

During a search by DARTS, λ rises before the cells get worse. λ is measured in each epoch on a
random validation batch. λ̄(i) is the mean of λ over the last k epochs up to epoch i. The rule is:

    stop at epoch i if  λ̄(i - k) / λ̄(i) < 0.75,  and use α of epoch i - k

The Lanczos method finds λ from products of the Hessian with vectors.
"""
# Tested in tests/strategies/test_second_order.py.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor


def largest_eigenvalue(loss: Tensor, alpha: Tensor) -> tuple[float, int]:
    """Largest algebraic eigenvalue of the Hessian of a loss with respect to alpha.

    Args:
        loss: a scalar that depends on alpha; its graph has not been freed.
        alpha: float64 [n].

    Returns:
        the eigenvalue, and the number of Hessian-vector products.
    """
    (gradient,) = torch.autograd.grad(loss, alpha, create_graph=True)
    n_products = 0

    def product(vector: np.ndarray) -> np.ndarray:
        nonlocal n_products
        n_products += 1
        v = torch.from_numpy(np.array(vector).reshape(-1)).to(gradient)
        (Hv,) = torch.autograd.grad(gradient, alpha, v, retain_graph=True)
        return Hv.detach().cpu().numpy()

    n = len(alpha)
    hessian = LinearOperator((n, n), matvec=product, dtype=np.float64)
    # Without a fixed start scipy would draw one from the global generator.
    start = np.random.default_rng(0).standard_normal(n)
    (value,) = eigsh(hessian, k=1, which="LA", v0=start, tol=1e-3, return_eigenvectors=False)
    return float(value), n_products


class EigenvalueRule:
    """The stopping rule.

    Args:
        window: k, in epochs.
        ratio: the bound on λ̄(i - k) / λ̄(i).
    """

    def __init__(self, window: int, ratio: float):
        self.window, self.ratio = window, ratio
        self.stopped = False
        self._values: list[float] = []
        self._alphas: list[np.ndarray] = []

    def observe(self, value: float, alpha: np.ndarray) -> np.ndarray | None:
        """Record λ and alpha, float64 [n], of an epoch, and apply the rule.

        Returns:
            the alpha with which the search should end, or None if it should continue.
        """
        self._values.append(value)
        self._alphas = [*self._alphas, alpha][-self.window - 1 :]
        if len(self._values) < 2 * self.window:
            return None
        now = np.mean(self._values[-self.window :])
        before = np.mean(self._values[-2 * self.window : -self.window])
        self.stopped = bool(now > 0 and before / now < self.ratio)
        return self._alphas[0] if self.stopped else None

    def state_dict(self) -> dict[str, Any]:
        """Everything observed so far."""
        alphas = [torch.from_numpy(alpha) for alpha in self._alphas]
        return {"stopped": self.stopped, "values": list(self._values), "alphas": alphas}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        self.stopped, self._values = state["stopped"], list(state["values"])
        self._alphas = [alpha.numpy().copy() for alpha in state["alphas"]]
