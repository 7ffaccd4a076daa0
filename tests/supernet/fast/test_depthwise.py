"""The fast depthwise convolution against torch's: in itself, and in the networks that take it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pipeline.config.recipes import TrainSettings
from pipeline.networks import build
from pipeline.spaces.operations import make
from pipeline.supernet.fast.depthwise import DepthwiseConv, depthwise, with_fast_gradients
from pipeline.training.memory import move_to_device

OPERATIONS = ("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")
CPU = torch.device("cpu")


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


def gradients(module, x, dtype=None):
    """Output, gradient of the input and of each parameter."""
    x = x.clone().requires_grad_(True)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        y = module(x)
    dy = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    return [y.float(), *torch.autograd.grad(y.float(), (x, *module.parameters()), dy)]


@pytest.mark.parametrize("size", [8, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_torchs_output_and_gradients(name, stride, size):
    torch.manual_seed(0)
    plain = make(name, 16, stride).to(memory_format=torch.channels_last)
    fast = with_fast_gradients(copy.deepcopy(plain))
    assert any(isinstance(layer, DepthwiseConv) for layer in fast)
    x = torch.randn(4, 16, size, size).to(memory_format=torch.channels_last)
    for ours, torchs in zip(gradients(fast, x), gradients(plain, x), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", OPERATIONS)
def test_in_bfloat16_it_is_as_near_to_float32_as_torchs(name, stride):
    torch.manual_seed(0)
    plain = make(name, 16, stride).to(memory_format=torch.channels_last)
    fast = with_fast_gradients(copy.deepcopy(plain))
    x = torch.randn(8, 16, 8, 8).to(memory_format=torch.channels_last)
    exact = gradients(plain, x)
    distances = [
        [((a - b).norm() / b.norm()).item() for a, b in zip(mixed, exact, strict=True)]
        for mixed in (gradients(fast, x, torch.bfloat16), gradients(plain, x, torch.bfloat16))
    ]
    for ours, torchs in zip(*distances, strict=True):
        assert ours < max(1.3 * torchs, 0.01)


def test_a_placed_network_has_the_same_weights_and_steps():
    """One step of the published cell, against a copy that torch computes throughout."""
    torch.manual_seed(0)
    plain = build("shapley_nas_imagenet", "cifar10", 4, channels=16, cells=3, auxiliary=True)
    placed = copy.deepcopy(plain)
    move_to_device(placed, TrainSettings(channels=16), CPU)
    assert any(isinstance(layer, DepthwiseConv) for layer in placed.modules())
    assert not any(isinstance(layer, DepthwiseConv) for layer in plain.modules())
    images, labels = torch.randn(4, 3, 16, 16), torch.tensor([0, 1, 2, 3])
    for network in (plain, placed):
        logits, auxiliary = network.train().forward_with_auxiliary(images)
        (nn.functional.cross_entropy(logits, labels) + auxiliary.mean()).backward()
    for (name, ours), (_, torchs) in zip(
        placed.named_parameters(), plain.named_parameters(), strict=True
    ):
        torch.testing.assert_close(ours.grad, torchs.grad, rtol=1e-2, atol=1e-4, msg=name)
    plain.load_state_dict(placed.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(plain.eval()(images), placed.eval()(images))


def test_convolutions_that_it_cannot_compute_stay_torchs():
    others = nn.Sequential(
        nn.Conv2d(8, 8, 3, padding=1),  # dense
        nn.Conv2d(8, 8, 3, padding=1, groups=8),  # with a bias
        nn.Conv2d(8, 8, 3, groups=8, bias=False),  # shrinks the image
        nn.Conv2d(8, 16, 3, padding=1, groups=8, bias=False),  # two outputs a channel
        nn.Conv2d(8, 8, 3, padding=3, dilation=3, groups=8, bias=False),
        nn.Conv2d(8, 8, (3, 5), padding=(1, 2), groups=8, bias=False),
    )
    assert [type(layer) for layer in with_fast_gradients(others)] == [nn.Conv2d] * 6
