"""Whole permutations on a supernet, walked once and kept, from which many values can be read.

From V along each walk follow the Shapley values by any of the value functions, at any coalition
sizes, with any truncation, without another forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline import seeds
from pipeline.files import read_arrays, replacing
from pipeline.registry.strategies.shapley import ValueSettings
from pipeline.shapley.estimation import mean_and_error
from pipeline.strategies.value_function import VALUES, ValueFunction

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.data import Images
    from pipeline.supernet import Supernet

VALUE_NAMES = tuple(VALUES)
KEPT_EVERY = 10


@dataclass(frozen=True)
class Walks:
    """Permutations and the values along them.

    Attributes:
        orders: int64[m, n], who leaves first, second, ...
        V: float64[values, m, n + 1] in the order of `VALUE_NAMES`; column k: after k departures.
    """

    orders: NDArray[np.int64]
    V: NDArray[np.float64]

    def phi(
        self,
        value: str = "accuracy",
        sizes: tuple[int, int] | None = None,
        eta: float | None = None,
    ) -> NDArray[np.float64]:
        """Mean marginal contributions, float64[n].

        Args:
            value: one of `VALUE_NAMES`.
            sizes: only coalitions with at least so many and fewer than so many members besides the
                player.
            eta: only what early truncation reaches.
        """
        V = self.V[VALUE_NAMES.index(value)]
        marginal = V[:, :-1] - V[:, 1:]
        n = marginal.shape[1]
        kept = np.ones_like(marginal, dtype=bool)
        if sizes is not None:
            others = np.arange(n - 1, -1, -1)
            kept &= (sizes[0] <= others) & (others < sizes[1])
        if eta is not None:
            dropped = V[:, :1] - V[:, :-1] > eta * np.abs(V[:, :1])
            kept &= ~np.maximum.accumulate(dropped, axis=1)
        samples = np.empty_like(marginal)
        np.put_along_axis(samples, self.orders, np.where(kept, marginal, np.nan), axis=1)
        return mean_and_error(samples)[0]


def load(out: Path, way: str, age: int, which: str, policy: str = "batch") -> Walks:
    """Walks that `walk` has kept below `out`."""
    return read(path_of(out, way, age, which, policy))


def read(path: Path) -> Walks:
    """Walks that `walk` has kept in a file."""
    saved = read_arrays(path)
    return Walks(saved["orders"], saved["V"])


def path_of(out: Path, way: str, age: int, which: str, policy: str = "batch") -> Path:
    """Where the walks of a supernet are kept."""
    return out / "walks" / f"{way}_{age}_{which}_{policy}.npz"


def together(parts: Sequence[Walks]) -> Walks:
    """One long run of several."""
    orders = np.concatenate([walks.orders for walks in parts])
    return Walks(orders, np.concatenate([walks.V for walks in parts], axis=1))


class AllValues(ValueFunction):
    """A value function that measures by all of `VALUES` at once."""

    def all_values(self, coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        """bool[b, n] -> float64[b, values]."""
        import torch

        with torch.no_grad(), self.measuring():
            return np.array([self._all_means(S) for S in coalitions])

    def _all_means(self, S: NDArray[np.bool_]) -> list[float]:
        weights = self._mixing(self._present(S))
        with self._normalised(weights):
            sums = [
                [float(value(logits, labels)) for value in VALUES.values()]
                for logits, labels in self._answers(weights)
            ]
        return [total / self._n for total in np.sum(sums, axis=0)]

    def _answers(self, weights: Tensor) -> list[tuple[Tensor, Tensor]]:
        self.images_forward += self._n
        return [
            (self._logits(images, weights, beginning), labels)
            for (images, labels), beginning in zip(self._batches, self._beginnings, strict=True)
        ]


def walk(
    supernet: Supernet,
    images: Images,
    settings: ValueSettings,
    permutations: int,
    seed: int,
    path: Path,
    alpha: NDArray[np.float64] | None = None,
) -> Walks:
    """Walk permutations under α (None: zeros), or go on from those that `path` holds.

    Each order is walked in both directions, on images of their own: a player's early and late
    places make up for each other, so that the mean is as unbiased and less noisy.
    """
    import torch

    alpha = np.zeros(supernet.space.n_players) if alpha is None else alpha
    V = AllValues(supernet, torch.from_numpy(alpha), images, settings, seed)
    n = len(V.players)
    drawn = [
        seeds.numpy_generator(seed, "order", m // 2).permutation(n) for m in range(permutations)
    ]
    orders = np.stack([order[:: -1 if m % 2 else 1] for m, order in enumerate(drawn)])
    done = np.empty((len(VALUE_NAMES), 0, n + 1))
    if path.exists():
        done = read(path).V
    values = [*np.moveaxis(done, 1, 0)][:permutations]
    for m in range(len(values), permutations):
        V.redraw(m)
        coalitions = np.argsort(orders[m]) >= np.arange(n + 1)[:, None]
        values.append(V.all_values(coalitions).T)
        if (m + 1) % KEPT_EVERY == 0 or m + 1 == permutations:
            with replacing(path) as temporary:
                np.savez(temporary, V=np.stack(values, axis=1), orders=orders[: m + 1])
    return Walks(orders, np.stack(values, axis=1))
