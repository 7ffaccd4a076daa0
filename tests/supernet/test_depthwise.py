"""The depthwise convolution's own backward pass against torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from pipeline.supernet.depthwise import depthwise


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize("size", [(8, 8), (7, 10), (2, 3)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_same_as_torch(
    kernel: int, stride: int, dilation: int, size: tuple[int, int], memory_format: Any
) -> None:
    generator = torch.Generator().manual_seed(kernel)
    x = torch.randn(3, 5, *size, generator=generator, dtype=torch.float64)
    x = x.to(memory_format=memory_format).requires_grad_(True)
    weight = torch.randn(5, 1, kernel, kernel, generator=generator, dtype=torch.float64)
    weight.requires_grad_(True)
    padding = dilation * (kernel // 2)
    expected = F.conv2d(x, weight, None, stride, padding, dilation, groups=5)
    found = depthwise(x, weight, stride, dilation)
    dy = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    for first, second in zip(
        (expected, *torch.autograd.grad(expected, (x, weight), dy)),
        (found, *torch.autograd.grad(found, (x, weight), dy)),
        strict=True,
    ):
        torch.testing.assert_close(first, second)


def test_only_the_gradient_that_is_asked_for() -> None:
    x = torch.randn(2, 4, 6, 6, requires_grad=True)
    weight = torch.randn(4, 1, 5, 5)
    depthwise(x, weight).sum().backward()
    assert x.grad is not None
    weight.requires_grad_(True)
    depthwise(x.detach(), weight).sum().backward()
    assert weight.grad is not None


def test_under_autocast() -> None:
    x = torch.randn(2, 4, 8, 8, requires_grad=True)
    weight = torch.randn(4, 1, 5, 5, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = depthwise(x, weight, dilation=2)
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    expected = torch.autograd.grad(F.conv2d(x, weight, None, 1, 4, 2, groups=4).sum(), (x, weight))
    assert torch.allclose(x.grad, expected[0], rtol=0.05, atol=0.1)
    assert torch.allclose(weight.grad, expected[1], rtol=0.05, atol=1.0)
