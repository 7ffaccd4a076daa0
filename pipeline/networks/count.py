"""Counts the parameters and multiply-adds (MACs) of a network."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from pipeline.networks.assembly import build
from pipeline.networks.layouts import find_layout
from pipeline.spaces.genotype import Genotype


@torch.no_grad()
def profile(network: nn.Module, image_size: int) -> dict[str, int]:
    """`params`, `macs`, `auxiliary_params` and `flops` of a network, which is not changed.

    `macs` counts the multiply-adds of convolutions and linear layers for one image. As in papers of
    the DARTS family, biases, batch norms and pooling do not count. `flops` is twice the MACs, but
    the FLOPs column of NAS-Bench-201's table is MACs plus the number of classes. `params` and
    `macs` leave out the auxiliary head.
    """
    macs = 0

    def add(
        module: nn.Conv2d | nn.Linear, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> None:
        """Count one multiply-add per output value and weight of its filter or matrix row."""
        nonlocal macs
        macs += output.numel() * module.weight[0].numel()

    weights = next(network.parameters())
    # On the network's device: a copy on the meta device would load torch's compiler, which is slow.
    image = torch.zeros(1, 3, image_size, image_size, device=weights.device, dtype=weights.dtype)
    training = network.training
    counted = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    handles = [module.register_forward_hook(add) for module in counted]
    try:
        network.eval()(image)
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    auxiliary = _n_parameters(getattr(network, "auxiliary", None))
    return {
        "params": _n_parameters(network) - auxiliary,
        "macs": macs,
        "auxiliary_params": auxiliary,
        "flops": 2 * macs,
    }


def profile_genotype(
    genotype: Genotype | str | Path,
    layout: str = "cifar10",
    classes: int | None = None,
    channels: int | None = None,
    cells: int | None = None,
    image_size: int | None = None,
) -> dict[str, int]:
    """`profile` of a genotype's network, without allocating weights.

    An argument that is None gets the published value for `layout`.
    """
    frame = find_layout(layout)
    with torch.device("meta"):
        network = build(
            genotype,
            layout,
            frame.classes if classes is None else classes,
            channels,
            cells,
            frame.auxiliary,
        )
    return profile(network, frame.image_size if image_size is None else image_size)


def _n_parameters(module: nn.Module | None) -> int:
    return 0 if module is None else sum(parameter.numel() for parameter in module.parameters())
