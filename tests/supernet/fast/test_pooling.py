"""Pooling against torch's."""

import pytest
import torch
from torch import nn

from pipeline.supernet.fast.pooling import pool

LAYERS = [
    nn.MaxPool2d(3, 1, padding=1),
    nn.MaxPool2d(3, 2, padding=1),
    nn.MaxPool2d(2, ceil_mode=True),
    nn.AvgPool2d(3, 1, padding=1, count_include_pad=False),
    nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (2, 3)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_it_is_torchs(layer, size, memory_format):
    x = torch.randn(2, 5, *size, dtype=torch.float64).contiguous(memory_format=memory_format)
    expected = layer(x)
    with torch.no_grad():
        found = pool(layer, x)
    torch.testing.assert_close(found, expected)
    assert found.is_contiguous(memory_format=memory_format)


def test_under_a_gradient_it_is_torchs_own():
    """Of equal pixels the first has the gradient."""
    x = torch.zeros(1, 1, 4, 4, requires_grad=True)
    pool(LAYERS[0], x).sum().backward()
    expected = torch.zeros(1, 1, 4, 4, requires_grad=True)
    LAYERS[0](expected).sum().backward()
    assert torch.equal(x.grad, expected.grad)
