"""Size of a network: parameters and multiply-adds.

MACs are the multiply-adds of convolutions and linear layers for one image. As in papers of the
DARTS family, biases, batch norms and pooling are not counted. `flops` is twice the MACs. The FLOPs
column of NAS-Bench-201's table is MACs plus the number of classes. The auxiliary head, which only
training uses, is counted neither in `params` nor in `macs`.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.networks.assembly import build
from pipeline.networks.layouts import find_layout
from pipeline.spaces.genotype import Genotype


def profile(network: nn.Module, image_size: int) -> dict[str, int]:
    """`params`, `macs`, `auxiliary_params` and `flops` of a network, which is not changed.

    They are counted on the meta device, which computes shapes but no numbers.
    """
    return _count(copy.deepcopy(network).to("meta"), image_size)


def profile_genotype(
    genotype: Genotype | str | Path,
    layout: str = "cifar10",
    classes: int | None = None,
    channels: int | None = None,
    cells: int | None = None,
    image_size: int | None = None,
) -> dict[str, int]:
    """Count a genotype's network and its auxiliary head without allocating weights.

    None means the layout's published value. For the other arguments see `build` and `profile`.
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
    return _count(network, frame.image_size if image_size is None else image_size)


def _count(ghost: nn.Module, image_size: int) -> dict[str, int]:
    """Count a network whose tensors are on the meta device."""
    ghost.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        ghost(torch.empty(1, 3, image_size, image_size, device="meta"))
    flops = counter.get_total_flops()
    auxiliary = _n_parameters(getattr(ghost, "auxiliary", None))
    return {
        "params": _n_parameters(ghost) - auxiliary,
        "macs": flops // 2,
        "auxiliary_params": auxiliary,
        "flops": flops,
    }


def _n_parameters(module: nn.Module | None) -> int:
    return 0 if module is None else sum(parameter.numel() for parameter in module.parameters())
