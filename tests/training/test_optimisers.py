"""Optimizers without torch's compiler do what torch's own do, bit for bit."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from pipeline.training import optimisers

SETTINGS = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 3e-4},
    "Adam": {"lr": 6e-4, "betas": (0.5, 0.999), "weight_decay": 1e-3},
}


def descend(kind: type[torch.optim.Optimizer], settings: dict, saved_at: int) -> torch.Tensor:
    """A parameter after ten steps; at one of them the state goes through a new optimizer."""
    weights = torch.nn.Parameter(torch.linspace(-1, 1, 12, dtype=torch.float64))
    optimiser = kind([weights], **settings)
    for step in range(10):
        if step == saved_at:
            state = optimiser.state_dict()
            optimiser = kind([weights], **settings)
            optimiser.load_state_dict(state)
        optimiser.zero_grad()
        (weights**4 + step * weights).sum().backward()
        optimiser.step()
    return weights.detach()


@pytest.mark.parametrize("name", SETTINGS)
def test_same_bits_as_torch(name: str) -> None:
    ours = descend(getattr(optimisers, name), SETTINGS[name], saved_at=4)
    theirs = descend(getattr(torch.optim, name), SETTINGS[name], saved_at=4)
    assert torch.equal(ours, theirs)
    assert not torch.equal(ours, torch.linspace(-1, 1, 12, dtype=torch.float64))


def test_compiler_is_not_imported() -> None:
    code = (
        "import sys, torch; from pipeline.training.optimisers import SGD;"
        "p = torch.nn.Parameter(torch.ones(1)); o = SGD([p], lr=.1); o.zero_grad();"
        "p.sum().backward(); o.step(); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
