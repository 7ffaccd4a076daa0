"""torch's SGD and Adam without its compiler.

A step of torch's optimizers imports `torch._dynamo` to mark where a compiled graph ends. This
import takes two seconds. Our compiled graphs contain no optimizer, so we call the same functions
without the mark. The results are the same bits.
"""

from __future__ import annotations

import inspect

import torch
from torch.optim import Optimizer


class _Plain:
    """The common part of the optimizers."""

    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)


class SGD(_Plain, torch.optim.SGD):
    """Stochastic gradient descent with momentum."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))


class Adam(_Plain, torch.optim.Adam):
    """Adam (Kingma & Ba, ICLR 2015)."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))
