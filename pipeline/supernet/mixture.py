"""The weights with which the operations of an edge are mixed.

DARTS (Liu et al., ICLR 2019, equation 2): w_o = exp(alpha_o) / sum over o' of exp(alpha_o').
A coalition S of players (Shapley-NAS, section 3.2) is the supernet without the other operations.
The paper does not specify what that means for the weights. Here, as in its released code, the
weight of a removed operation is set to zero and the others keep theirs, so `none` is a null player.
With `renormalise` the other weights are scaled to sum to one; then `none` is not a null player.
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
        present: [n_players], presence of each operation: bool for a coalition, or numbers from 0
            (removed) to 1, for derivatives with respect to them; None: all are present.
        renormalise: scale the weights of each edge to sum to one (zero if no operation stays).

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
