"""The weights with which the operations of an edge are mixed.

The weights of an edge are the softmax of its alpha (DARTS, Liu et al., ICLR 2019, equation 2). To
evaluate a coalition (Shapley-NAS, section 3.2), all operations outside it get the weight zero. The
paper does not specify the other weights. Here, as in the released code, they do not change, so
`none` is a null player. With `renormalise`, they are scaled to sum to one on each edge. Then `none`
is not a null player.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.spaces import Space


def mixture(
    space: Space, alpha: Tensor, present: Tensor | None = None, renormalise: bool = False
) -> Tensor:
    """Mixing weights of all players.

    Args:
        space: defines the order of the players.
        alpha: [n_players].
        present: [n_players], bool for a coalition, or numbers from 0 (removed) to 1 if derivatives
            with respect to them are needed; None: all operations are present.
        renormalise: whether to scale the weights; an edge without operations keeps zeros.

    Returns:
        [n_players], differentiable with respect to alpha.
    """
    mixing = alpha.view(-1, space.n_operations).softmax(dim=1)
    if present is None:
        return mixing.flatten()
    mixing = mixing * present.view_as(mixing)
    if renormalise:
        least = torch.finfo(mixing.dtype).tiny
        mixing = mixing / mixing.sum(dim=1, keepdim=True).clamp_min(least)
    return mixing.flatten()
