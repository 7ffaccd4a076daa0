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

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import field_validator

from pipeline import registry, seeds
from pipeline.config.base import CODE, OURS, PAPER, Settings, setting
from pipeline.shapley import Estimate, estimate, option_names

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.data import Images
    from pipeline.supernet import Supernet


class ValueSettings(Settings):
    """How the Shapley values of operations are estimated (section 3.3)."""

    estimator: str = setting("truncated", "a registered estimator", PAPER)
    permutations: int = setting(10, "M, permutations an estimate", PAPER, ge=1)
    eta: float = setting(0.5, "η, drop of the accuracy, relative, that truncates", PAPER, ge=0)
    value_images: int = setting(1024, "images that V is measured on, a permutation", CODE, ge=1)
    value_batch_size: int = setting(256, "the most images of a forward pass of V", OURS, ge=1)
    batch_norm: Literal["batch", "running"] = setting(
        "batch", "statistics that normalise while V is measured", OURS
    )
    renormalise: bool = setting(False, "remaining weights of an edge scaled to sum to one", CODE)

    @field_validator("estimator")
    @classmethod
    def _registered(cls, name: str) -> str:
        """A misspelt name is found before the search, not after its warm-up."""
        registry.get("estimators", name)
        return name


class ValueFunction:
    """Accuracy of coalitions, bool[b, n] -> float64[b]; a game for `pipeline.shapley`.

    `redraw` comes before the first call, as estimators do it.

    Args:
        supernet: w; left as it was.
        alpha: α, float[n_players] on the supernet's device.
        images: what accuracy is measured on.
        settings: images of a draw and of a pass, batch norms, mixing weights.
        seed: of the draws.

    Attributes:
        n_players: players of the space.
        players: int64[n], those of them that play; the others are null.
        images_forward: images that the supernet has classified so far.
    """

    def __init__(
        self,
        supernet: Supernet,
        alpha: Tensor,
        images: Images,
        settings: ValueSettings,
        seed: int,
    ):
        self.players = np.flatnonzero(supernet.space.selectable().ravel() | settings.renormalise)
        self.n_players = supernet.space.n_players
        self.images_forward = 0
        self._supernet, self._alpha, self._images = supernet, alpha.detach().float(), images
        self._settings, self._seed = settings, seed

    def redraw(self, permutation: int) -> None:
        """Draw the images of a permutation."""
        generator = seeds.torch_generator(self._seed, "images", permutation)
        images, labels = self._images.sample(self._settings.value_images, generator)
        n_batches = -(-len(labels) // self._settings.value_batch_size)
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
            evaluation_mode(supernet, self._settings.batch_norm),
            autocast(self._alpha.device, supernet.settings.precision),
        ):
            return np.array([self._accuracy(S) for S in coalitions])

    def _accuracy(self, S: np.ndarray) -> float:
        import torch

        from pipeline.supernet import mixture

        coalition = np.ones(self.n_players, dtype=bool)
        coalition[self.players] = S
        weights = mixture(
            self._supernet.space,
            self._alpha,
            torch.from_numpy(coalition).to(self._alpha.device),
            self._settings.renormalise,
        )
        n_correct = sum(
            (self._supernet(images, weights).argmax(1) == labels).sum()
            for images, labels in self._batches
        )
        n = sum(len(labels) for _, labels in self._batches)
        self.images_forward += n
        return int(n_correct) / n

    def full(self) -> float:
        """V(N) on the first draw."""
        self.redraw(0)
        return float(self(np.ones((1, len(self.players)), dtype=bool))[0])


def shapley_values(V: ValueFunction, settings: ValueSettings, seed: int) -> Estimate:
    """φ of all players of the space.

    Args:
        V: the accuracy of the supernet.
        settings: the estimator and its options.
        seed: of the permutations.
    """
    options: dict[str, Any] = {"permutations": settings.permutations, "eta": settings.eta}
    known = option_names(settings.estimator)
    options = {name: value for name, value in options.items() if name in known}
    found = estimate(V, len(V.players), settings.estimator, seed=seed, **options)
    return found.among(V.players, V.n_players)
