"""Draws of mixing weights, differentiable with respect to the parameters of the distribution.

Random numbers are drawn on the CPU, so all devices get the same.
"""

from __future__ import annotations

import torch
from torch import Tensor


def gumbel(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard Gumbel variables -log(-log U), float64, with a tensor's shape and device."""
    # An exponential variable equals -log U. In float64 no draw is 0, so the logarithm is finite.
    exponential = torch.empty(like.shape, dtype=torch.float64).exponential_(generator=generator)
    return -exponential.log().to(like.device)


def concrete(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """Gumbel-softmax (Jang et al.; Maddison et al., ICLR 2017) over the last axis."""
    return ((logits + gumbel(logits, generator)) / temperature).softmax(-1)


def straight_through(soft: Tensor) -> Tensor:
    """The one-hot argmax over the last axis, with the gradient of `soft`."""
    hard = torch.nn.functional.one_hot(soft.argmax(-1), soft.shape[-1]).to(soft)
    return hard + soft - soft.detach()


def dirichlet(concentration: Tensor, kept: Tensor, generator: torch.Generator) -> Tensor:
    """A draw from Dir(concentration) over the kept entries of the last axis; the others are 0."""
    gamma = torch._standard_gamma(concentration.cpu(), generator)
    gamma = gamma.clamp_min(torch.finfo(gamma.dtype).tiny).to(kept.device) * kept
    return gamma / gamma.sum(-1, keepdim=True)


def on_simplex(mixing: Tensor) -> Tensor:
    """Clip to [0, 1] and scale to sum 1 over the last axis.

    If all entries are 0 after clipping, the result is one-hot at the largest original entry.
    """
    clipped = mixing.clamp(0, 1)
    largest = torch.nn.functional.one_hot(mixing.argmax(-1), mixing.shape[-1]).to(mixing)
    total = clipped.sum(-1, keepdim=True)
    return torch.where(total > 0, clipped / total.clamp_min(1e-12), largest)
