"""Changes the shape of a supernet in place during a search.

In Net2Wider (Chen, Goodfellow, Shlens, "Net2Net", ICLR 2016, section 2.2) the new channels of a
layer are copies of old channels. The next layer divides the weights of a copied channel by the
number of its copies, so the outputs stay the same.
"""
# Tested in tests/strategies/test_progressive.py.

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.supernet import Supernet, build_supernet
from pipeline.training.optimisers import SGD


def adopt(supernet: Supernet, fresh: Supernet) -> None:
    """Replace the layers and settings of a supernet, in place, by those of `fresh`."""
    for name, child in fresh.named_children():
        setattr(supernet, name, child)
    supernet.settings = fresh.settings


def reshaped(supernet: Supernet, seed: int, **settings: int) -> Supernet:
    """A new supernet on the same device with some settings changed."""
    made = supernet.settings.model_copy(update=settings)
    fresh = build_supernet(supernet.space, made, supernet.classes, seed)
    return fresh.to(next(supernet.parameters()).device)


def grow(supernet: Supernet, seed: int, k: int) -> bool:
    """Let 1/k of the channels pass through the operations (Net2Wider); return whether k changed."""
    if k == supernet.settings.partial_channels:
        return False
    fresh, old = reshaped(supernet, seed, partial_channels=k), supernet.state_dict()
    fresh.load_state_dict({name: widened(old[name], x) for name, x in fresh.state_dict().items()})
    adopt(supernet, fresh)
    return True


def inherit_momentum(fresh: SGD, optimiser: SGD) -> None:
    """Initialise the momentum of a wider supernet from that of a narrower one.

    Both optimisers have the weights in the same order.
    """
    (group,), (old_group,) = fresh.param_groups, optimiser.param_groups
    for w, old in zip(group["params"], old_group["params"], strict=True):
        buffer = optimiser.state[old].get("momentum_buffer")
        if buffer is not None:
            fresh.state[w]["momentum_buffer"] = widened(buffer, w)


def widened(old: Tensor, like: Tensor) -> Tensor:
    """Widen a weight [out, in, ...] or a statistic [out] to the shape of `like`."""
    new = old
    for dim, (n_old, n_new) in enumerate(zip(old.shape, like.shape, strict=True)):
        if n_new == n_old:
            continue
        origin = torch.arange(n_new, device=old.device) % n_old
        new = new.index_select(dim, origin)
        if dim == 1:  # input channels
            copies = torch.bincount(origin, minlength=n_old)[origin]
            new = new / copies.view(-1, *[1] * (old.ndim - 2)).to(new)
    return new.clone(memory_format=torch.preserve_format)
