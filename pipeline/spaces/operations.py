"""The operations on an edge, and the stems and blocks around the cells.

The operations are those of DARTS (Liu et al., ICLR 2019, section 3.1) and of NAS-Bench-201 (Dong &
Yang, ICLR 2020, section 2.1). As in the search networks of NAS-Bench-201, `nor_conv_*` has a bias
if its batch norm is not affine. Deviation: operations that halve the image round odd sizes up; the
original code fails at odd sizes.

A registered operation is a function (channels, stride, affine) -> module that maps images [b,
channels, h, w] to [b, channels, ceil(h / stride), ceil(w / stride)]. Its batch norms have a scale
and a shift only if `affine` is true. In a supernet it is false, because a scale would compete with
alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline import registry
from pipeline.registry import register

STEM_MULTIPLIER = 3  # channels of DARTS' stem for CIFAR, as a multiple of the first cell's


def make(name: str, channels: int, stride: int, affine: bool = True) -> nn.Module:
    """The operation called `name`.

    Raises:
        InputError: no operation has this name.
    """
    module: nn.Module = registry.get("operations", name)(channels, stride, affine)
    return module


class ReLUConvBN(nn.Sequential):
    """ReLU, convolution (k x k), batch norm."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int = 1,
        stride: int = 1,
        affine: bool = True,
        bias: bool = False,
        groups: int = 1,
    ) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=bias),
            nn.BatchNorm2d(n_out, affine=affine),
        )


class DepthwiseConvBN(nn.Sequential):
    """ReLU, depthwise convolution (k x k), pointwise convolution, batch norm."""

    def __init__(
        self, channels: int, kernel: int, stride: int, dilation: int, affine: bool
    ) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(
                channels,
                channels,
                kernel,
                stride,
                padding,
                dilation=dilation,
                groups=channels,
                bias=False,
            ),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels, affine=affine),
        )


class FactorizedReduce(nn.Module):
    """Halve the image by two pointwise convolutions of stride 2, side by side.

    The second convolution is shifted by a pixel in both directions. We select the pixels first and
    convolve with stride 1. Stride 2 would give the same numbers, but its backward pass crashes in
    torch 2.14 on CPUs with channels_last.
    """

    def __init__(self, n_in: int, n_out: int, affine: bool = True) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(n_in, n_out // 2, 1, bias=False)
        self.odd = nn.Conv2d(n_in, n_out - n_out // 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(n_out, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """Map [b, n_in, h, w] to [b, n_out, ceil(h / 2), ceil(w / 2)]."""
        x = self.relu(x)
        odd = x[:, :, 1::2, 1::2]
        odd_height, odd_width = x.shape[2] % 2, x.shape[3] % 2
        if odd_height or odd_width:  # the shifted grid lacks a row or column
            odd = F.pad(odd, (0, odd_width, 0, odd_height))
        return self.bn(torch.cat([self.even(x[:, :, ::2, ::2]), self.odd(odd)], dim=1))


class Zero(nn.Module):
    """`none`: zeros in the shape of the output."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map [b, c, h, w] to new zeros, since `0 * x` would propagate NaN and infinity."""
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


class Noise(nn.Module):
    """Standard normal samples in place of the input (RobustDARTS, Zela et al., ICLR 2020).

    The noise depends on a seed and on the number of training batches so far, which are saved with
    the weights. In evaluation every batch has the same noise, so that coalitions can be compared.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride, self.draws = stride, 0
        self.seed = int(torch.randint(2**62, (1,), device="cpu"))

    def forward(self, x: Tensor) -> Tensor:
        """Map [b, c, h, w] to noise of shape [b, c, ceil(h / stride), ceil(w / stride)]."""
        x = x[:, :, :: self.stride, :: self.stride]
        if x.is_meta:  # only shapes are needed
            return torch.empty_like(x)
        self.draws += self.training
        generator = torch.Generator(x.device).manual_seed(self.seed + self.draws)
        return torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)

    def get_extra_state(self) -> Tensor:
        """The state that `state_dict` saves."""
        return torch.tensor([self.seed, self.draws])

    def set_extra_state(self, state: Tensor) -> None:
        """Continue from a saved state."""
        self.seed, self.draws = (int(number) for number in state)


class ResNetBlock(nn.Module):
    """The residual block of stride 2 between the stages of NAS-Bench-201."""

    def __init__(self, n_in: int, n_out: int, groups: int = 1) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            ReLUConvBN(n_in, n_out, 3, stride=2, groups=groups),
            ReLUConvBN(n_out, n_out, 3, groups=groups),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(n_in, n_out, 1, groups=groups, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [b, n_in, h, w] to [b, n_out, ceil(h / 2), ceil(w / 2)]."""
        return self.shortcut(x) + self.residual(x)


def three_stages(
    channels: int, cells: int, make_cell: Callable[[int], nn.Module], groups: int = 1
) -> nn.ModuleList:
    """The body of a NAS-Bench-201 network: three stages, joined by residual blocks.

    Each stage has `cells` cells. The stages have C, 2C and 4C channels, where C is `channels`. If
    several networks are computed as one, `groups` is their number and C the channels of each.
    """
    parts = nn.ModuleList(make_cell(channels) for _ in range(cells))
    for width in (channels, 2 * channels):
        parts.append(ResNetBlock(groups * width, 2 * groups * width, groups))
        parts.extend(make_cell(2 * width) for _ in range(cells))
    return parts


@dataclass(frozen=True)
class CellShape:
    """The channels and the stride of a cell of DARTS."""

    n_in: tuple[int, int]  # channels of its two inputs
    channels: int  # channels of each of its states
    reduction: bool
    halved: bool  # whether the second input is half as large as the first

    def adapters(self, affine: bool = True) -> tuple[nn.Module, nn.Module]:
        """Two modules that bring the inputs to the same size, with `channels` channels."""
        shrink = FactorizedReduce if self.halved else ReLUConvBN
        first = shrink(self.n_in[0], self.channels, affine=affine)
        return first, ReLUConvBN(self.n_in[1], self.channels, affine=affine)


def darts_cells(
    channels: int, cells: int, stem: int, halved: bool, n_concat: int
) -> Iterator[CellShape]:
    """The cells of a DARTS network; those at 1/3 and 2/3 of the depth are reduction cells.

    Args:
        channels: channels of the states in the first cell; a reduction cell doubles them.
        cells: number of cells.
        stem: channels of both inputs of the first cell.
        halved: whether the second input of the first cell is half as large as the first.
        n_concat: number of states whose concatenation is the output of a cell.
    """
    before = last = stem
    for i in range(cells):
        reduction = i in (cells // 3, 2 * cells // 3)
        channels *= 2 if reduction else 1
        yield CellShape((before, last), channels, reduction, halved)
        before, last = last, n_concat * channels
        halved = reduction


def conv_bn(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    """3 x 3 convolution and batch norm: the whole stem for CIFAR and NAS-Bench-201."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(n_out)
    )


def imagenet_stem(channels: int) -> tuple[nn.Sequential, nn.Sequential]:
    """DARTS' stem for ImageNet, which divides height and width by 8.

    Returns:
        two modules. The first maps images [b, 3, h, w] to the first input of the first cell,
        [b, channels, h / 4, w / 4]. The second maps the first input to the second input,
        [b, channels, h / 8, w / 8].
    """
    quarter = nn.Sequential(
        *conv_bn(3, channels // 2, stride=2),
        nn.ReLU(),
        *conv_bn(channels // 2, channels, stride=2),
    )
    eighth = nn.Sequential(nn.ReLU(), *conv_bn(channels, channels, stride=2))
    return quarter, eighth


@register("operations", "none")
def none(channels: int, stride: int, affine: bool) -> nn.Module:
    """No connection."""
    return Zero(stride)


@register("operations", "noise")
def noise(channels: int, stride: int, affine: bool) -> nn.Module:
    """Noise instead of the input."""
    return Noise(stride)


@register("operations", "skip_connect")
def skip_connect(channels: int, stride: int, affine: bool) -> nn.Module:
    """The identity, or a factorised reduction where the image is halved."""
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine)


@register("operations", "max_pool_3x3")
def max_pool_3x3(channels: int, stride: int, affine: bool) -> nn.Module:
    """Maximum of the neighbourhood."""
    return nn.MaxPool2d(3, stride, padding=1)


@register("operations", "avg_pool_3x3")
def avg_pool_3x3(channels: int, stride: int, affine: bool) -> nn.Module:
    """Mean of the neighbourhood, only over pixels inside the image."""
    return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)


def separable(channels: int, kernel: int, stride: int, affine: bool) -> nn.Module:
    """Depthwise separable convolution, applied twice; the first one has the stride."""
    return nn.Sequential(
        *DepthwiseConvBN(channels, kernel, stride, 1, affine),
        *DepthwiseConvBN(channels, kernel, 1, 1, affine),
    )


@register("operations", "sep_conv_3x3")
def sep_conv_3x3(channels: int, stride: int, affine: bool) -> nn.Module:
    """Separable convolution, 3 x 3."""
    return separable(channels, 3, stride, affine)


@register("operations", "sep_conv_5x5")
def sep_conv_5x5(channels: int, stride: int, affine: bool) -> nn.Module:
    """Separable convolution, 5 x 5."""
    return separable(channels, 5, stride, affine)


@register("operations", "dil_conv_3x3")
def dil_conv_3x3(channels: int, stride: int, affine: bool) -> nn.Module:
    """Dilated separable convolution, 3 x 3 with a receptive field of 5 x 5."""
    return DepthwiseConvBN(channels, 3, stride, 2, affine)


@register("operations", "dil_conv_5x5")
def dil_conv_5x5(channels: int, stride: int, affine: bool) -> nn.Module:
    """Dilated separable convolution, 5 x 5 with a receptive field of 9 x 9."""
    return DepthwiseConvBN(channels, 5, stride, 2, affine)


@register("operations", "nor_conv_1x1")
def nor_conv_1x1(channels: int, stride: int, affine: bool) -> nn.Module:
    """Convolution, 1 x 1."""
    return ReLUConvBN(channels, channels, 1, stride, affine, bias=not affine)


@register("operations", "nor_conv_3x3")
def nor_conv_3x3(channels: int, stride: int, affine: bool) -> nn.Module:
    """Convolution, 3 x 3."""
    return ReLUConvBN(channels, channels, 3, stride, affine, bias=not affine)
