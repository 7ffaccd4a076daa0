"""Every registered operation: shape, gradients, exactly nothing when it is `none`."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline import registry
from pipeline.errors import InputError
from pipeline.spaces.operations import make

NAMES = registry.names("operations")
CHANNELS = 4


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (2, 2), (3, 8)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_shape(name: str, stride: int, size: tuple[int, int], affine: bool) -> None:
    x = torch.randn(2, CHANNELS, *size)
    y = make(name, CHANNELS, stride, affine)(x)
    assert y.shape == (2, CHANNELS, *(math.ceil(side / stride) for side in size))
    assert torch.isfinite(y).all()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_gradient(name: str, stride: int, affine: bool) -> None:
    operation = make(name, CHANNELS, stride, affine)
    x = torch.randn(2, CHANNELS, 8, 8, requires_grad=True)
    y = operation(x)
    if name not in ("none", "noise"):
        (y * torch.randn_like(y)).sum().backward()
        assert x.grad is not None
        assert x.grad.abs().sum() > 0
    for parameter in operation.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_input_is_left_alone(name: str) -> None:
    # Operations share their input, so none may work in place.
    x = torch.randn(2, CHANNELS, 8, 8)
    before = x.clone()
    make(name, CHANNELS, 1, True)(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", NAMES)
def test_without_affine_no_scale_or_shift(name: str) -> None:
    for module in make(name, CHANNELS, 2, affine=False).modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.weight is None
            assert module.bias is None


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="sep_conv_3x3"):
        make("sep_conv_3x", CHANNELS, 1)
