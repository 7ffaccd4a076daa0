"""SGD and Adam of torch, without importing torch's compiler.

torch wraps the methods of its optimizers for its compiler, which takes two seconds to import. Our
compiled graphs contain no optimizer, so we call the methods without the wrappers.
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
