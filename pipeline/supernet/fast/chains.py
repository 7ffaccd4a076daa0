"""Computes g chains of ReLU, convolution and batch norm as a single chain.

The layers of all chains must have equal shapes. The channels of the chains are concatenated, so g
depthwise convolutions and g batch norms become one each. g dense convolutions become one grouped
convolution, or one dense convolution if they have the same input.
"""
# Tested in tests/supernet/fast/test_cell.py.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.supernet.fast.depthwise import depthwise

LAYERS = (nn.ReLU, nn.Conv2d, nn.BatchNorm2d)


def is_chain(module: nn.Module) -> bool:
    """Whether a module is ReLU, convolution, ..., batch norm, without affine parameters."""
    layers = [*module] if isinstance(module, nn.Sequential) else []
    kinds = [type(layer) for layer in layers]
    return (
        kinds[:2] == [nn.ReLU, nn.Conv2d]
        and kinds[-1] is nn.BatchNorm2d
        and all(kind in LAYERS for kind in kinds)
        and not any(isinstance(layer, nn.BatchNorm2d) and layer.affine for layer in layers)
    )


def run_chains(
    chains: Sequence[Any], rectified: Tensor, copies: Callable[[int], Tensor], scales: Tensor
) -> Tensor:
    """Run g chains on the same input, scale the output of each, and concatenate the outputs.

    Args:
        chains: g chains with layers of the same kinds and shapes.
        rectified: [b, m, h, w], the common input after the first ReLU.
        copies: maps g to g copies of `rectified`, concatenated along the channels.
        scales: [g], the factor for the output of each chain.

    Returns:
        [b, g * m, h', w'], in the order of the chains.
    """
    depths = list(zip(*chains, strict=True))[1:]  # [depth][g]
    x = first_convolution(depths[0], rectified, copies)
    for layers in depths[1:-1]:
        if isinstance(layers[0], nn.ReLU):
            x = F.relu(x)
        elif isinstance(layers[0], nn.Conv2d):
            x = convolve(layers, x, len(layers) * layers[0].groups)
        else:
            x = normalise(layers, x)
    return normalise(depths[-1], x, scales.repeat_interleave(x.shape[1] // len(chains)))


def first_convolution(
    layers: Sequence[Any], rectified: Tensor, copies: Callable[[int], Tensor]
) -> Tensor:
    """The first convolution; a dense one needs no copies of the input."""
    if layers[0].groups == 1:
        return convolve(layers, rectified, 1)
    return convolve(layers, copies(len(layers)), len(layers) * layers[0].groups)


def convolve(layers: Sequence[Any], x: Tensor, groups: int) -> Tensor:
    """Convolutions of one shape, stacked along their output channels."""
    first = layers[0]
    weight = torch.cat([layer.weight for layer in layers])
    if groups == x.shape[1] == len(weight) and first.kernel_size[0] > 1:
        return depthwise(x, weight, first.stride[0], first.dilation[0])
    bias = None if first.bias is None else torch.cat([layer.bias for layer in layers])
    return F.conv2d(x, weight, bias, first.stride, first.padding, first.dilation, groups)


def normalise(layers: Sequence[Any], x: Tensor, scale: Tensor | None = None) -> Tensor:
    """Batch norms of g chains, then `scale`; running statistics are updated as in torch."""
    first = layers[0]
    if first.training and not first.track_running_stats:
        return F.batch_norm(x, None, None, scale, None, True, 0.0, first.eps)
    mean = torch.cat([layer.running_mean for layer in layers])
    variance = torch.cat([layer.running_var for layer in layers])
    factor = first.momentum
    if first.training:
        torch._foreach_add_([layer.num_batches_tracked for layer in layers], 1)
        if factor is None:  # the plain mean over all batches
            factor = 1.0 / float(first.num_batches_tracked)
    y = F.batch_norm(x, mean, variance, scale, None, first.training, factor or 0.0, first.eps)
    if first.training:
        n = first.num_features
        with torch.no_grad():
            torch._foreach_copy_([layer.running_mean for layer in layers], mean.split(n))
            torch._foreach_copy_([layer.running_var for layer in layers], variance.split(n))
    return y


def is_linear(module: Any) -> bool:
    """Whether `as_kernel` applies: a dense convolution of stride 1, no training, no gradients."""
    if torch.is_grad_enabled() or module.training or not is_chain(module):
        return False
    _, convolution, *norms = module
    return (
        len(norms) == 1
        and convolution.groups == 1
        and convolution.stride == (1, 1)
        and not norms[0].training
    )


def as_kernel(chain: Any, scale: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Kernel [m, m, side, side] and bias [m] of a chain's convolution, norm and `scale`."""
    _, convolution, norm = chain
    gain = scale / (norm.running_var + norm.eps).sqrt()
    bias = -norm.running_mean if convolution.bias is None else convolution.bias - norm.running_mean
    margin = (side - convolution.kernel_size[0]) // 2
    return F.pad(convolution.weight * gain.view(-1, 1, 1, 1), (margin,) * 4), gain * bias
