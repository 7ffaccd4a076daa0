"""The weights with which the operations of an edge are mixed.

DARTS (Liu et al., ICLR 2019, equation 2): w_o = exp(alpha_o) / sum over o' of exp(alpha_o'). A
coalition S of players (Shapley-NAS, section 3.2) is the supernet without the other operations. The
paper does not specify the mixing weights of a coalition. Here, as in the released code, the weights
of removed operations are zero and the other weights do not change, so `none` is a null player. With
`renormalise` the weights of the remaining operations are scaled to sum to one on each edge, and
`none` is not a null player.
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
        alpha: [n_players], one real number for each operation.
        present: [n_players], bool for a coalition, or numbers from 0 (removed) to 1 if derivatives
            with respect to them are needed; None: all operations are present.
        renormalise: whether to scale each edge's weights to sum to one (zero if none remains).

    Returns:
        [n_players], in the players' order, differentiable with respect to alpha.
    """
    mixing = alpha.view(-1, space.n_operations).softmax(dim=1)
    if present is None:
        return mixing.flatten()
    mixing = mixing * present.view_as(mixing)
    if renormalise:
        least = torch.finfo(mixing.dtype).tiny
        mixing = mixing / mixing.sum(dim=1, keepdim=True).clamp_min(least)
    return mixing.flatten()
