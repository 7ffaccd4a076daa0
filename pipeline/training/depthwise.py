"""Depthwise convolutions of discrete networks, trained on CPUs with a gradient that is fast.

oneDNN's own takes up to thirty times as long for a dilated or 5 x 5 kernel, and in bfloat16 for
every kernel at stride 2. Parameters, state dictionary and, up to rounding, numbers are those of
`nn.Conv2d`, which is what runs in evaluation, on a GPU and where the network is compiled.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.supernet.depthwise import BLOCK, depthwise


class DepthwiseConv(nn.Conv2d):
    """A depthwise convolution without bias that keeps the image's size, up to the stride."""

    @classmethod
    def of(cls, plain: nn.Conv2d) -> DepthwiseConv:
        """A convolution that `_fits`, with its own parameter; nothing is drawn."""
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
        """Map [b, c, h, w] to [b, c, ceil(h / stride), ceil(w / stride)]."""
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
    """A network, changed in place: `DepthwiseConv` for each convolution that can be one."""
    for name, layer in network.named_children():
        if isinstance(layer, nn.Conv2d) and _fits(layer):
            setattr(network, name, DepthwiseConv.of(layer))
        else:
            with_fast_gradients(layer)
    return network


def _fits(layer: nn.Conv2d) -> bool:
    """Whether `depthwise` computes it."""
    kernel, stride, dilation = layer.kernel_size[0], layer.stride[0], layer.dilation[0]
    return (
        layer.in_channels == layer.out_channels == layer.groups > 1
        and layer.bias is None
        and kernel % 2 == 1
        and {stride, dilation} <= {1, 2}
        and layer.padding == (dilation * (kernel // 2),) * 2
        and all(len({*sides}) == 1 for sides in (layer.kernel_size, layer.stride, layer.dilation))
    )
