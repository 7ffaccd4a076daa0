"""The first layers, which supernets and discrete networks share.

DARTS (Liu et al., ICLR 2019, appendix A) and NAS-Bench-201 (Dong & Yang, ICLR 2020, figure 1).
Batch norms are affine, in a supernet too.
"""

from __future__ import annotations

from torch import nn


def conv_bn(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    """3 x 3 convolution and batch norm: the whole stem for CIFAR and NAS-Bench-201."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(n_out)
    )


def imagenet_stem(channels: int) -> tuple[nn.Sequential, nn.Sequential]:
    """DARTS' stem for ImageNet, which divides the image by 8.

    Returns:
        two modules: images [b, 3, h, w] -> [b, channels, h / 4, w / 4], the cells' first input
        state; and that -> [b, channels, h / 8, w / 8], their second.
    """
    quarter = nn.Sequential(
        *conv_bn(3, channels // 2, stride=2),
        nn.ReLU(),
        *conv_bn(channels // 2, channels, stride=2),
    )
    eighth = nn.Sequential(nn.ReLU(), *conv_bn(channels, channels, stride=2))
    return quarter, eighth
