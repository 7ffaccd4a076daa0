"""torch's SGD and Adam without its compiler.

A step of torch's own optimizers imports `torch._dynamo`, two seconds of a core, to mark where a
compiled graph ends. No graph here holds an optimizer, so the steps below are the same functions
without the mark: the same numbers, bit for bit.
"""

from __future__ import annotations

import inspect

import torch
from torch.optim import Optimizer


class _Plain:
    """What every optimizer shares."""

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
