"""When to stop DARTS: by the largest eigenvalue of the Hessian.

Zela et al., "Understanding and robustifying differentiable architecture search" (RobustDARTS,
ICLR 2020).

The largest eigenvalue λ of the Hessian ∇²_α L_val, measured each epoch on one random batch of the
second half and averaged over a window of k epochs, rises before DARTS degenerates:

    stop at epoch i if  λ̄(i - k) / λ̄(i) < 0.75,  and return α of epoch i - k

The Hessian is never formed: Lanczos needs its product with some vectors only.
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
    """Largest (not in magnitude) eigenvalue of the Hessian of a loss by alpha.

    Args:
        loss: a scalar, its graph not yet freed.
        alpha: float64 [n].

    Returns:
        the eigenvalue; how many products with the Hessian it took.
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
    # A fixed start, or scipy would draw one from the global generator.
    start = np.random.default_rng(0).standard_normal(n)
    (value,) = eigsh(hessian, k=1, which="LA", v0=start, tol=1e-3, return_eigenvectors=False)
    return float(value), n_products


class EigenvalueRule:
    """The rule over epochs.

    Args:
        window: k, epochs that are averaged and epochs that are gone back.
        ratio: below which it stops.
    """

    def __init__(self, window: int, ratio: float):
        self.window, self.ratio = window, ratio
        self.stopped = False
        self._values: list[float] = []
        self._alphas: list[np.ndarray] = []

    def observe(self, value: float, alpha: np.ndarray) -> np.ndarray | None:
        """Take note of an epoch.

        Args:
            value: its largest eigenvalue.
            alpha: float64 [n] at its end.

        Returns:
            alpha to go back to if the search is to stop now.
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
        """What has been observed."""
        alphas = [torch.from_numpy(alpha) for alpha in self._alphas]
        return {"stopped": self.stopped, "values": list(self._values), "alphas": alphas}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `state_dict`."""
        self.stopped, self._values = state["stopped"], list(state["values"])
        self._alphas = [alpha.numpy().copy() for alpha in state["alphas"]]
