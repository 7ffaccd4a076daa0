"""What single operations compute, against the papers' definitions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from pipeline.spaces.operations import FactorizedReduce, ResNetBlock, conv_bn, imagenet_stem, make

CENTRE = 10


def pixels_seen(name: str) -> set[tuple[int, int]]:
    """Offsets of the input pixels on which the output's central pixel depends."""
    operation = make(name, 2, 1, True).double().eval()
    for parameter in operation.parameters():  # nothing cancels and no ReLU is shut
        torch.nn.init.constant_(parameter, 1.0)
    x = torch.rand(1, 2, 2 * CENTRE + 1, 2 * CENTRE + 1, dtype=torch.float64) + 1
    x.requires_grad_(True)
    operation(x)[0, :, CENTRE, CENTRE].sum().backward()
    assert x.grad is not None
    return {(int(i) - CENTRE, int(j) - CENTRE) for i, j in x.grad[0].abs().sum(dim=0).nonzero()}


def square(radius: int, step: int = 1) -> set[tuple[int, int]]:
    offsets = range(-radius, radius + 1, step)
    return {(i, j) for i in offsets for j in offsets}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("skip_connect", square(0)),
        ("avg_pool_3x3", square(1)),
        ("nor_conv_1x1", square(0)),
        ("nor_conv_3x3", square(1)),
        ("sep_conv_3x3", square(2)),  # twice 3 x 3
        ("sep_conv_5x5", square(4)),  # twice 5 x 5
        ("dil_conv_3x3", square(2, step=2)),  # 9 taps over 5 x 5
        ("dil_conv_5x5", square(4, step=2)),  # 25 taps over 9 x 9
        ("none", set()),
    ],
)
def test_receptive_field(name: str, expected: set[tuple[int, int]]) -> None:
    if name == "none":
        assert not make(name, 2, 1)(torch.rand(1, 2, 3, 3)).any()
    else:
        assert pixels_seen(name) == expected


@pytest.mark.parametrize(
    ("name", "parameters"),  # C = 16: weights of the convolutions and 2C a batch norm, by hand
    [
        ("sep_conv_3x3", 2 * (16 * 9 + 16 * 16 + 2 * 16)),
        ("sep_conv_5x5", 2 * (16 * 25 + 16 * 16 + 2 * 16)),
        ("dil_conv_3x3", 16 * 9 + 16 * 16 + 2 * 16),
        ("dil_conv_5x5", 16 * 25 + 16 * 16 + 2 * 16),
        ("nor_conv_1x1", 16 * 16 + 2 * 16),
        ("nor_conv_3x3", 16 * 16 * 9 + 2 * 16),
        ("max_pool_3x3", 0),
        ("avg_pool_3x3", 0),
        ("none", 0),
    ],
)
def test_parameters(name: str, parameters: int) -> None:
    assert sum(p.numel() for p in make(name, 16, 1).parameters()) == parameters


def test_average_pooling_leaves_the_padding_out() -> None:
    x = torch.full((1, 1, 4, 4), 3.0)
    assert torch.equal(make("avg_pool_3x3", 1, 1)(x), x)


def test_maximum_pooling_at_a_corner() -> None:
    x = -torch.arange(1.0, 17.0).view(1, 1, 4, 4)
    assert make("max_pool_3x3", 1, 1)(x)[0, 0, 3, 3] == -11.0  # no padding zero wins


@pytest.mark.parametrize("size", [4, 5])
def test_factorized_reduction_takes_both_grids(size: int) -> None:
    reduce = FactorizedReduce(1, 2).eval()
    for convolution in (reduce.even, reduce.odd):
        torch.nn.init.ones_(convolution.weight)
    reduce.bn = torch.nn.Identity()  # type: ignore[assignment]
    x = torch.arange(1.0, size * size + 1).view(1, 1, size, size)
    even, odd = reduce(x)[0]
    assert torch.equal(even, x[0, 0, ::2, ::2])
    shifted = F.pad(x[0, 0], (0, size % 2, 0, size % 2))[1::2, 1::2]
    assert torch.equal(odd, shifted)


def test_none_stops_infinity() -> None:
    x = torch.full((1, 1, 4, 4), torch.inf)
    assert not make("none", 1, 2)(x).any()


@pytest.mark.parametrize(("size", "expected"), [(8, 4), (7, 4)])
def test_residual_block_halves(size: int, expected: int) -> None:
    assert ResNetBlock(3, 6)(torch.randn(2, 3, size, size)).shape == (2, 6, expected, expected)


def test_stems() -> None:
    images = torch.randn(2, 3, 64, 64)
    assert conv_bn(3, 5)(images).shape == (2, 5, 64, 64)
    quarter, eighth = imagenet_stem(6)
    assert quarter(images).shape == (2, 6, 16, 16)
    assert eighth(quarter(images)).shape == (2, 6, 8, 8)


def test_factorized_reduce_is_two_strided_convolutions_side_by_side():
    """As DARTS writes it; in channels_last at this size torch 2.14 crashed on the strided form."""
    for size in (7, 8, 56):
        torch.manual_seed(0)
        reduce = FactorizedReduce(8, 6).eval()
        x = torch.randn(32, 8, size, size).contiguous(memory_format=torch.channels_last)
        x.requires_grad_()
        rectified = F.pad(x.relu(), (0, 1, 0, 1))[:, :, : size + 1, : size + 1]
        even = F.conv2d(x.relu(), reduce.even.weight, stride=2)
        odd = F.conv2d(rectified[:, :, 1:, 1:], reduce.odd.weight, stride=2)
        expected = reduce.bn(torch.cat([even, odd], dim=1))
        ours = reduce.to(memory_format=torch.channels_last)(x)
        torch.testing.assert_close(ours, expected)
        ours.sum().backward()
        assert torch.isfinite(x.grad).all()
