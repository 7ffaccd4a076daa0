"""How much each operation contributes to the accuracy of architectures, by a least-squares fit.

    a, c = argmin Σ_A (V(A) - c_d(A) - Σ_{o in A} a_o)² + ridge Σ_o a_o²

    A       evaluated architecture, which is a set of players
    V(A)    its accuracy on the draw d(A) of images
    a_o     contribution of player o
    c_d     constant that removes differences between draws of images

The sum over A runs over all evaluated architectures.
"""
# Tested in tests/strategies/test_shrinking.py.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pipeline import seeds
from pipeline.data import Images
from pipeline.strategies.architectures import in_batches, one_hot, shared_accuracy
from pipeline.supernet import Supernet

TOGETHER = 32  # architectures that are evaluated on the same images
BATCH = 256  # the most images in a forward pass
RIDGE = 0.3


@dataclass(frozen=True)
class Evaluated:
    """Architectures and their accuracies under the shared weights."""

    players: np.ndarray  # int64[m, choices]
    accuracy: np.ndarray  # float64[m]
    draw: np.ndarray  # int64[m], number of the draw of images

    @classmethod
    def none(cls, n_choices: int) -> Evaluated:
        """No architectures yet."""
        nothing = np.empty(0, dtype=np.int64)
        return cls(np.empty((0, n_choices), dtype=np.int64), np.empty(0), nothing)

    def and_then(self, later: Evaluated, most: int) -> Evaluated:
        """Append `later`, with its draws renumbered, and keep the last `most` architectures."""
        renumbered = replace(later, draw=later.draw + self.draw.max(initial=-1) + 1)
        pairs = zip(self._all, renumbered._all, strict=True)
        return Evaluated(*(np.concatenate(pair)[-most:] for pair in pairs))

    def among(self, left: np.ndarray) -> Evaluated:
        """Only the architectures whose players are all in `left`, bool[n_players]."""
        possible = left[self.players].all(axis=1)
        return Evaluated(*(array[possible] for array in self._all))

    @property
    def _all(self) -> tuple[np.ndarray, ...]:
        return tuple(vars(self).values())

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The arrays as tensors."""
        return {name: torch.from_numpy(array) for name, array in vars(self).items()}

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor]) -> Evaluated:
        """Restore a state that `state_dict` returned."""
        return cls(**{name: tensor.numpy().copy() for name, tensor in state.items()})


def evaluate(
    supernet: Supernet,
    valid: Images,
    architectures: Sequence[Sequence[int]],
    n_images: int,
    seed: int,
) -> tuple[Evaluated, int]:
    """Accuracies of architectures with the weights of a supernet, and number of images classified.

    The images are drawn again after every `TOGETHER` architectures.

    Args:
        supernet: the weights, which are not changed.
        valid: images to draw from.
        architectures: the players of each architecture.
        n_images: images per draw.
        seed: seed of the draws.
    """
    accuracies, classified = [], 0
    for k, players in enumerate(architectures):
        if k % TOGETHER == 0:
            generator = seeds.torch_generator(seed, "value", k // TOGETHER)
            batches = in_batches(*valid.sample(n_images, generator), BATCH)
        strength = one_hot(supernet.space, players)
        accuracy, n = shared_accuracy(supernet, batches, strength)
        accuracies.append(accuracy)
        classified += n
    draws = np.arange(len(accuracies)) // TOGETHER
    return Evaluated(np.array(architectures), np.array(accuracies), draws), classified


def additive(evaluated: Evaluated, n_players: int, ridge: float = RIDGE) -> np.ndarray:
    """The coefficients a by ridge regression, float64[n_players]."""
    x = np.zeros((len(evaluated.players), n_players))
    np.put_along_axis(x, evaluated.players, 1.0, axis=1)
    y = evaluated.accuracy.copy()
    for draw in np.unique(evaluated.draw):  # subtracting the means removes c
        same_images = evaluated.draw == draw
        x[same_images] -= x[same_images].mean(axis=0)
        y[same_images] -= y[same_images].mean()
    a: np.ndarray = np.linalg.solve(x.T @ x + ridge * np.eye(n_players), x.T @ y)
    return a
