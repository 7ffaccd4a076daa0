"""Automatic relevance determination as BayesNAS uses it (Zhou et al., ICML 2019)."""
# Tested in tests/strategies/test_bayesnas.py.

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def relevance(
    w: np.ndarray, omega: np.ndarray, hessian: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Update the prior variance γ and the penalty weight ω of each switch.

    γ is |w| / ω. The next ω is sqrt(1/γ - C/γ²) with C = 1 / (1/γ + H). We compute 1/γ - C/γ² as
    H / (1 + γ H), because γ may be zero.

    Args:
        w: [n], switches of the operations.
        omega: [n], ω before this update.
        hessian: [n], diagonal of the loss's Hessian H in w; negative values become 0.

    Returns:
        γ and the next ω (at least 1e-3).
    """
    gamma = np.abs(w) / omega
    H = np.maximum(hessian, 0)
    return gamma, np.maximum(np.sqrt(H / (1 + gamma * H)), 1e-3)


def hessian_diagonal(
    gradient: Tensor, at: Tensor, probes: int, generator: torch.Generator
) -> Tensor:
    """Hutchinson's estimate of a Hessian's diagonal: mean of v ⊙ Hv over vectors v of ±1.

    Args:
        gradient: [n], gradient of a loss with respect to `at`, with `create_graph=True`.
        at: [n], where the gradient was computed.
        probes: number of vectors v.
        generator: on the CPU.
    """
    total = torch.zeros_like(at)
    for _ in range(probes):
        v = 2.0 * torch.randint(2, at.shape, generator=generator).to(at) - 1
        (Hv,) = torch.autograd.grad(gradient, at, v, retain_graph=True)
        total += v * Hv
    return total / probes
