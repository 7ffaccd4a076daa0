"""A run that is no longer finite stops before it is saved: the last checkpoint stays a good one."""

from __future__ import annotations

import math

import torch
from torch import nn

from pipeline.errors import InputError


def check_finite(loss: float, network: nn.Module, where: str, remedy: str) -> None:
    """Stop a run whose loss or weights are infinite or no numbers.

    The weights are looked at too: the step that spoils them follows a loss that was still finite.

    Args:
        loss: what the run measured so far.
        network: whose parameters and statistics are looked at; one pass over them.
        where: "training" or "the search", and how far it is.
        remedy: the setting to change.

    Raises:
        InputError: it has diverged.
    """
    if math.isfinite(loss) and all(
        bool(torch.isfinite(value).all())
        for value in network.state_dict().values()
        if value.is_floating_point()
    ):
        return
    raise InputError(
        f"{where} diverged: {remedy}. The last checkpoint, from before, is kept; with other "
        "settings it is refused: delete it to start anew"
    )
