"""Checkpointed cells: the same step, less memory."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from pipeline.bench.memory import peak_megabytes
from pipeline.supernet import Supernet, mixture
from tests.supernet.toys import alpha, images, toy


def step(supernet: Supernet, name: str) -> None:
    weights = mixture(supernet.space, alpha(supernet))
    F.cross_entropy(supernet(images(name), weights), torch.tensor([0, 1, 2])).backward()


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", ["darts", "nasbench201", "s4"])
def test_same_step(name: str, fused: bool) -> None:
    plain, checkpointed = (toy(name, fused=fused, checkpoint=c) for c in (False, True))
    for _ in range(2):
        step(plain, name)
        step(checkpointed, name)
    for (key, p), q in zip(plain.named_parameters(), checkpointed.parameters(), strict=True):
        assert torch.allclose(p.grad, q.grad, rtol=1e-4, atol=1e-6), key
    states = plain.state_dict(), checkpointed.state_dict()
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


def test_the_peak_is_lower() -> None:
    plain, checkpointed = (toy("darts", checkpoint=c) for c in (False, True))
    peak = [peak_megabytes(lambda net=net: step(net, "darts")) for net in (plain, checkpointed)]
    assert 0 < peak[1] < 0.7 * peak[0]
