"""The value function V of the Shapley game: the supernet's accuracy with a coalition of operations.

    V(S) = Acc_val(w, α; S)     paper, section 3.2 and Eq. 7

The paper does not say on how many images, how often they are drawn, nor what batch norm does. Here,
as far as the released code tells: n un-augmented images of the half for the value function, drawn
anew for each permutation and the same for all coalitions of one, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from pipeline import seeds

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from pipeline.data import Images
    from pipeline.supernet import Supernet


class CoalitionAccuracy:
    """V as a callable, bool[b, players] -> float64[b], with `redraw`.

    Args:
        supernet: on the device of the images.
        alpha: [players], architecture parameters.
        images: the half for the value function.
        n_images: images a permutation; all of the half if it is smaller.
        seed: of the draws, made from the run's seed and the epoch.
        policy: what batch norms do, see `pipeline.supernet.batch_norm`.
        autocast: context of the forward passes.

    Attributes:
        images_forward: images sent through the supernet so far.
    """

    def __init__(
        self,
        supernet: Supernet,
        alpha: Tensor,
        images: Images,
        n_images: int,
        seed: int,
        policy: str,
        autocast: Callable[[], torch.autocast],
    ):
        self.supernet, self.alpha, self.images = supernet, alpha, images
        self.n_images, self.seed, self.policy, self.autocast = n_images, seed, policy, autocast
        self.images_forward = 0

    def redraw(self, permutation: int) -> None:
        """Draw the images of one permutation."""
        generator = seeds.torch_generator(self.seed, "value images", permutation)
        self._drawn = self.images.sample(self.n_images, generator)

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        """Accuracy with each coalition, a fraction."""
        import torch

        from pipeline.supernet.batch_norm import evaluation_mode

        with torch.no_grad(), evaluation_mode(self.supernet, self.policy):
            return np.array([self._accuracy(torch.from_numpy(S)) for S in coalitions])

    def _accuracy(self, coalition: Tensor) -> float:
        from pipeline.supernet import mixture

        x, y = self._drawn
        weights = mixture(self.supernet.space, self.alpha, coalition.to(self.alpha.device))
        with self.autocast():
            logits = self.supernet(x, weights)
        self.images_forward += len(y)
        return float((logits.argmax(1) == y).double().mean())
