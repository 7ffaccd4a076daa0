"""The value function of the game among operations: the accuracy of the supernet.

    V(S) = Acc_val(w, α), with all operations outside S removed    (paper, section 3.2 and Eq. 7)

The paper leaves some points open. Our defaults are:
- Accuracy is measured on 1,024 images from the second half of the training set. As in the released
  code, new images are drawn for each permutation. Unlike in the released code, images are not
  augmented.
- Batch norms use batch statistics (`supernet/batch_norm.py` says why).
- The mixing weights of removed operations are zero (`supernet/mixture.py`). Then `none` is a null
  player, φ = 0, and takes no part in the game.

Instead of the accuracy, V can be `soft_accuracy`, the mean probability of the true class, or
`negative_loss`, the mean logarithm of this probability. Both are differentiable with respect to the
presence z_o of an operation o, whose mixing weight is z_o w_o(α). The gradient for a coalition S is
taken at z = 1_S.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline import seeds
from pipeline.data import Augment, Images
from pipeline.devices import autocast
from pipeline.registry.strategies.shapley import ValueSettings
from pipeline.shapley import Estimate, estimate, option_names
from pipeline.shapley.game import Processes
from pipeline.strategies.architectures import in_batches
from pipeline.supernet import ActivationCache, Supernet, evaluation_mode, mixture
from pipeline.supernet.batch_norm import recalibrated

__all__ = ["ValueFunction", "ValueSettings", "shapley_values"]


class ValueFunction:
    """The value function V as a game for `pipeline.shapley`: bool[b, n] -> float64[b].

    Call `redraw` before the first evaluation, as estimators do. `alpha` is float[n_players] on the
    supernet's device. The images of V are drawn from `images`. The weights do not change.

    Attributes:
        n_players: number of players of the space.
        players: int64[n], the players in the game; all others are null players.
        edges: int64[n], the edge of each of `players`, numbered over all cell types.
        redraws: whether each permutation has new images.
        images_forward: forward passes in this process, counted per image.
        images_backward: backward passes in this process, counted per image.
    """

    def __init__(
        self,
        supernet: Supernet,
        alpha: Tensor,
        images: Images,
        settings: ValueSettings,
        seed: int,
        augment: Augment | None = None,
    ):
        self.players = np.flatnonzero(supernet.space.selectable().ravel() | settings.renormalise)
        self.n_players = supernet.space.n_players
        self.edges = self.players // supernet.space.n_operations
        self.redraws = settings.redraw == "permutation"
        self.images_forward = self.images_backward = 0
        self._is_measuring = False
        self._supernet, self._alpha, self._images = supernet, alpha.detach().float(), images
        self._settings, self._seed = settings, seed
        self._augment = augment if settings.augment else None
        if settings.value != "accuracy":
            self.gradient = self._gradient
        if not self.redraws:
            self.redraw(0)

    def redraw(self, permutation: int) -> None:
        """Draw the images of a permutation."""
        self._batches = self._draw(self._settings.value_images, "images", permutation)
        # Recalibrated batch norms differ between coalitions, so no activations can be shared.
        alike = self._settings.batch_norm != "recalibrated"
        self._beginnings = [ActivationCache() if alike else None for _ in self._batches]
        if self._settings.batch_norm == "recalibrated":
            n = self._settings.recalibration_images
            self._others = self._draw(n, "recalibration", permutation)

    def _draw(self, n: int, purpose: str, permutation: int) -> list[tuple[Tensor, Tensor]]:
        generator = seeds.torch_generator(self._seed, purpose, permutation)
        if self._augment is None:
            images, labels = self._images.sample(n, generator)
        else:
            images, labels = next(iter(self._images.batches(n, generator, self._augment)))
        return in_batches(images, labels, self._settings.value_batch_size)

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        """V of each coalition."""
        with torch.no_grad(), self.measuring():
            return np.array([self._value(S) for S in coalitions])

    def _value(self, S: np.ndarray) -> float:
        mixing = self._mixing(self._present(S))
        with self._normalised(mixing):
            return float(self._mean(mixing))

    def _gradient(self, coalitions: np.ndarray) -> np.ndarray:
        """∂V/∂z of each coalition, bool[b, n] -> float64[b, n]."""
        return np.stack([self._gradient_at(S) for S in coalitions])

    def _gradient_at(self, S: np.ndarray) -> np.ndarray:
        present = self._present(S).requires_grad_()
        mixing = self._mixing(present)
        with self._normalised(mixing.detach()):
            (gradient,) = torch.autograd.grad(self._mean(mixing), present)
        self.images_backward += self._n
        return gradient.double().cpu().numpy()[self.players]

    def _present(self, S: np.ndarray) -> Tensor:
        """Presence z, float[n_players]: 1 in S and for players outside the game, else 0."""
        present = torch.ones_like(self._alpha)
        present[self.players] = present.new_tensor(S)
        return present

    def _mixing(self, present: Tensor) -> Tensor:
        renormalise = self._settings.renormalise
        return mixture(self._supernet.space, self._alpha, present, renormalise)

    @contextlib.contextmanager
    def measuring(self) -> Iterator[None]:
        """Set the mode of batch norms once for the block, not for each evaluation, to save time."""
        policy = self._settings.batch_norm
        if self._is_measuring or policy == "recalibrated":  # then each coalition is recalibrated
            yield
            return
        with evaluation_mode(self._supernet, policy):
            self._is_measuring = True
            try:
                yield
            finally:
                self._is_measuring = False

    @contextlib.contextmanager
    def _normalised(self, mixing: Tensor) -> Iterator[None]:
        """Set the mode of batch norms as the settings say."""
        if self._settings.batch_norm != "recalibrated":
            with self.measuring():
                yield
            return
        with recalibrated(self._supernet, lambda images: self._logits(images, mixing)) as adapt:
            adapt(images for images, _ in self._others)
            self.images_forward += sum(len(labels) for _, labels in self._others)
            yield

    @property
    def _n(self) -> int:
        return sum(len(labels) for _, labels in self._batches)

    def _mean(self, mixing: Tensor) -> Any:
        """Mean value over the images of the draw."""
        value = VALUES[self._settings.value]
        total = sum(
            value(self._logits(images, mixing, beginning), labels)
            for (images, labels), beginning in zip(self._batches, self._beginnings, strict=True)
        )
        self.images_forward += self._n
        return total / self._n

    def _logits(
        self, images: Tensor, mixing: Tensor, beginning: ActivationCache | None = None
    ) -> Tensor:
        with autocast(self._alpha.device, self._supernet.settings.precision):
            logits: Tensor = self._supernet(images, mixing, beginning)
        return logits

    def cost(self, processes: Processes | None = None) -> dict[str, int]:
        """Images forward and backward, summed over processes."""
        images = self.images_forward, self.images_backward
        of_processes = processes.exchange(images) if processes else [images]
        forward, backward = map(sum, zip(*of_processes, strict=True))
        return {"images_forward": forward, "images_backward": backward}

    def full(self) -> float:
        """V(N) on the first draw."""
        self.redraw(0)
        return float(self(np.ones((1, len(self.players)), dtype=bool))[0])


def _accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    # In double precision, so that the accuracy is rounded correctly.
    return (logits.argmax(1) == labels).double().sum()


def _soft_accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.float().softmax(1).gather(1, labels[:, None]).double().sum()


def _negative_loss(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.float().log_softmax(1).gather(1, labels[:, None]).double().sum()


# Each maps logits [b, classes] and labels [b] to the sum of the value over the images.
VALUES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "accuracy": _accuracy,
    "soft_accuracy": _soft_accuracy,
    "negative_loss": _negative_loss,
}


def shapley_values(
    V: ValueFunction,
    settings: ValueSettings,
    seed: int,
    processes: Processes | None = None,
    keep_last: bool = False,
) -> Estimate:
    """Estimate φ of all players of the space.

    With `keep_last`, permutations keep the last operation of each edge, if the estimator has the
    option `kept_edges`.
    """
    options = settings.options()
    if keep_last and "kept_edges" in option_names(settings.estimator):
        options["kept_edges"] = V.edges
    n, budget = len(V.players), settings.spending(len(V.players))
    with V.measuring():
        estimated = estimate(
            V, n, settings.estimator, budget, seed, processes, keep_known=False, **options
        )
    return estimated.among(V.players, V.n_players)
