"""The value function of the game among operations: the accuracy of the supernet.

    V(S) = Acc_val(w, α), operations outside S removed    (paper, section 3.2 and Eq. 7)

What the paper leaves open, and what is chosen here:
- The accuracy is that of 1,024 images of the second half of the training set, not augmented,
  drawn anew for each permutation and the same for all its coalitions (so the released code, which
  augments them). Where the half is smaller, all of it.
- Batch norms use the statistics of the batch, `batch_norm.py` says why. So batches are of nearly
  equal size, none too small for its statistics.
- What removal means for the mixing weights stands in `supernet/mixture.py`.

`none` adds nothing to an edge, so that without `renormalise` it is a null player: φ = 0. The game
is played among the others and a permutation is shorter by as many evaluations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline import seeds

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.data import Images
    from pipeline.supernet import Supernet


class ValueFunction:
    """Accuracy of coalitions, bool[b, n] -> float64[b]; a game for `pipeline.shapley`.

    Args:
        supernet: w; left as it was.
        alpha: α, float[n_players] on the supernet's device.
        images: what accuracy is measured on.
        n_images: images of a draw.
        batch_size: the most images of a forward pass.
        seed: of the draws.
        batch_norm: policy of the batch norms, "batch" or "running".
        renormalise: whether the remaining weights of an edge are scaled to sum to one.

    Attributes:
        players: int64[n], those of the space's players that play; the others are null.
        images_forward: images that the supernet has classified so far.
    """

    def __init__(
        self,
        supernet: Supernet,
        alpha: Tensor,
        images: Images,
        n_images: int,
        batch_size: int,
        seed: int,
        batch_norm: str = "batch",
        renormalise: bool = False,
    ):
        space = supernet.space
        plays = space.selectable().ravel() | renormalise
        self.players = np.flatnonzero(plays)
        self.images_forward = 0
        self._supernet, self._alpha, self._images = supernet, alpha.detach().float(), images
        self._n_images, self._batch_size, self._seed = n_images, batch_size, seed
        self._batch_norm, self._renormalise = batch_norm, renormalise
        self.redraw(0)

    def redraw(self, permutation: int) -> None:
        """Draw the images of a permutation."""
        generator = seeds.torch_generator(self._seed, "images", permutation)
        images, labels = self._images.sample(self._n_images, generator)
        n_batches = -(-len(labels) // self._batch_size)
        self._batches = list(
            zip(images.tensor_split(n_batches), labels.tensor_split(n_batches), strict=True)
        )

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        """V of each coalition of `players`."""
        import torch

        from pipeline.supernet import evaluation_mode
        from pipeline.training.device import autocast

        supernet = self._supernet
        with (
            torch.no_grad(),
            evaluation_mode(supernet, self._batch_norm),
            autocast(self._alpha.device, supernet.settings.precision),
        ):
            return np.array([self._accuracy(S) for S in coalitions])

    def _accuracy(self, S: np.ndarray) -> float:
        import torch

        from pipeline.supernet import mixture

        space = self._supernet.space
        coalition = np.ones(space.n_players, dtype=bool)
        coalition[self.players] = S
        weights = mixture(
            space,
            self._alpha,
            torch.from_numpy(coalition).to(self._alpha.device),
            self._renormalise,
        )
        n_correct = sum(
            (self._supernet(images, weights).argmax(1) == labels).sum()
            for images, labels in self._batches
        )
        n = sum(len(labels) for _, labels in self._batches)
        self.images_forward += n
        return int(n_correct) / n
