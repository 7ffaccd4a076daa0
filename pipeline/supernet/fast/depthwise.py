"""Depthwise convolution with a fast backward pass on CPUs.

    y[c, u] = sum over taps i of w[c, i] x[c, s u + d i - p]

    c channel, u output pixel (row, column), i position in the k x k kernel (row, column)
    s stride, d dilation, p padding; x input, w weights; dx, dw, dy gradients of the loss

oneDNN's forward kernels are fast. Its gradients take many times as long, except dw of undilated
kernels of at most 3 x 3 with a multiple of 16 channels. At stride 1, this module computes dx and dw
by fast kernels:

- dx is the convolution of dy with the mirrored weights, which is a forward pass.
- With dilation 2, the image is divided into four subimages, by even or odd row and column
  (`phases`). All pixels that contribute to one output pixel are in the same subimage. Therefore dw
  is the gradient of an undilated convolution on the four subimages, stacked along the batch.
- The gradient of a 5 x 5 kernel is assembled from those of four 3 x 3 kernels on shifted images.

With stride 2 and dilation 2, only every other row and column is read, so the convolution equals an
undilated convolution of stride 1 on these pixels. Undilated kernels at stride 2 are left to torch.
Their gradients are slow in bfloat16, so `DepthwiseConv` computes them in float32.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK = 3  # side of the largest kernel with a fast gradient
VECTOR = 16  # the fast gradient needs a multiple of this many channels


def depthwise(x: Tensor, weight: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """Depthwise convolution with "same" padding.

    Maps [b, c, h, w] to [b, c, ceil(h / stride), ceil(w / stride)]; `weight` is [c, 1, k, k] with
    k odd.
    """
    if stride == dilation == 2:
        x, stride, dilation = x[:, :, ::2, ::2].contiguous(memory_format=memory_format(x)), 1, 1
    if stride == 1 and x.device.type == "cpu" and torch.is_grad_enabled():
        output: Tensor = _Depthwise.apply(x, weight, dilation)
        return output
    padding = dilation * (weight.shape[2] // 2)
    return F.conv2d(x, weight, None, stride, padding, dilation, groups=x.shape[1])


class DepthwiseConv(nn.Conv2d):
    """An `nn.Conv2d` with fast gradients in training on CPUs, unless the network is compiled."""

    @classmethod
    def of(cls, plain: nn.Conv2d) -> DepthwiseConv:
        """The fast form of a convolution that `_fits`, with the same weight."""
        kernel, stride, dilation = plain.kernel_size[0], plain.stride[0], plain.dilation[0]
        made = cls(
            plain.in_channels,
            plain.out_channels,
            kernel,
            stride,
            dilation * (kernel // 2),
            dilation,
            plain.groups,
            bias=False,
            device="meta",
        )
        made.weight = plain.weight
        return made

    def forward(self, x: Tensor) -> Tensor:
        """Convolve: [b, c, h, w] -> [b, c, ceil(h / stride), ceil(w / stride)]."""
        if not self.training or x.device.type != "cpu" or torch.compiler.is_compiling():
            return super().forward(x)
        stride, dilation = self.stride[0], self.dilation[0]
        if dilation > 1 or (stride == 1 and self.kernel_size[0] > BLOCK):
            return depthwise(x, self.weight, stride, dilation)
        if stride > 1 and x.dtype == torch.bfloat16:
            with torch.autocast("cpu", enabled=False):
                return super().forward(x.float()).to(x.dtype)
        return super().forward(x)


def with_fast_gradients(network: nn.Module) -> nn.Module:
    """Replace each convolution that `_fits` by a `DepthwiseConv`, in place; return the network."""
    for name, layer in network.named_children():
        if isinstance(layer, nn.Conv2d) and _fits(layer):
            setattr(network, name, DepthwiseConv.of(layer))
        else:
            with_fast_gradients(layer)
    return network


def _fits(layer: nn.Conv2d) -> bool:
    """Whether `depthwise` can compute this layer."""
    kernel, stride, dilation = layer.kernel_size[0], layer.stride[0], layer.dilation[0]
    return (
        layer.in_channels == layer.out_channels == layer.groups > 1
        and layer.bias is None
        and kernel % 2 == 1
        and {stride, dilation} <= {1, 2}
        and layer.padding == (dilation * (kernel // 2),) * 2
        and all(len({*sides}) == 1 for sides in (layer.kernel_size, layer.stride, layer.dilation))
    )


class _Depthwise(torch.autograd.Function):
    """Depthwise convolution of stride 1 with the fast backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, dilation: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.dilation = dilation
        return same_size(x, weight, dilation)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        dy = dy.to(x.dtype).contiguous(memory_format=memory_format(x))
        dx = dw = None
        if ctx.needs_input_grad[0]:
            dx = same_size(dy, weight.flip(2, 3), ctx.dilation)
        if ctx.needs_input_grad[1]:
            dw = weight_gradient(x, dy, weight.shape[2], ctx.dilation).to(weight.dtype)
        return dx, dw, None


def same_size(x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """Depthwise convolution of stride 1 whose output has the size of the input."""
    padding = dilation * (weight.shape[2] // 2)
    return F.conv2d(x, weight.to(x.dtype), None, 1, padding, dilation, groups=x.shape[1])


def weight_gradient(x: Tensor, dy: Tensor, kernel: int, dilation: int) -> Tensor:
    """Gradient dw [c, 1, k, k] of the weights at stride 1, for k = `kernel`.

    dw[c, 0, i] is the sum of dy[c, u] x[c, u + d i - p] over all images and output pixels u.
    """
    if dilation == 2:
        x, dy = phases(x), phases(dy)
    elif dilation != 1:
        raise ValueError(f"depthwise: no gradient for dilation {dilation}")
    n_channels, (height, width), margin = x.shape[1], x.shape[2:], kernel // 2
    filling = -n_channels % VECTOR
    if filling:
        dy = F.pad(dy, (0, 0, 0, 0, 0, filling))
    if kernel <= BLOCK:
        x = F.pad(x, (0, 0, 0, 0, 0, filling)) if filling else x
        return block_gradient(x, dy, kernel, margin)[:n_channels]
    x = F.pad(x, (margin, margin, margin, margin, 0, filling))
    dw = x.new_empty(x.shape[1], 1, kernel, kernel)
    # A block begins every two taps; the last block ends where the kernel ends.
    starts = sorted({*range(0, kernel - BLOCK, BLOCK - 1), kernel - BLOCK})
    for i in starts:
        for j in starts:
            window = x[:, :, i : i + height + BLOCK - 1, j : j + width + BLOCK - 1]
            window = window.contiguous(memory_format=memory_format(x))
            dw[:, :, i : i + BLOCK, j : j + BLOCK] = block_gradient(window, dy, BLOCK, 0)
    return dw[:n_channels]


def block_gradient(x: Tensor, dy: Tensor, kernel: int, padding: int) -> Tensor:
    """Gradient dw [c, 1, kernel, kernel] of an undilated depthwise convolution; calls torch."""
    weight = x.new_empty(x.shape[1], 1, kernel, kernel)  # only its shape matters
    sizes = [1, 1], [padding, padding], [1, 1], False, [0, 0], x.shape[1]
    gradients = torch.ops.aten.convolution_backward(
        dy, x, weight, None, *sizes, [False, True, False]
    )
    dw: Tensor = gradients[1]
    return dw


def phases(x: Tensor) -> Tensor:
    """Split images into four parts by even or odd row and column; stack the parts as a batch.

    [b, c, h, w] -> [4 b, c, ceil(h / 2), ceil(w / 2)]; odd sizes are padded with zeros.
    """
    if x.shape[2] % 2 or x.shape[3] % 2:
        x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))
    return torch.cat([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)])


def memory_format(x: Tensor) -> torch.memory_format:
    """The memory format of a tensor."""
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format
