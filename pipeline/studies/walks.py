"""Evaluates all value functions along whole permutations of a supernet's operations.

From the stored values, `Walks.phi` computes Shapley values without another forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline import seeds
from pipeline.config.studies import WalkJob
from pipeline.data import Images
from pipeline.files import read_arrays
from pipeline.registry.strategies.shapley import ValueSettings
from pipeline.shapley.estimation import mean_and_error
from pipeline.shapley.permutation import who_is_left
from pipeline.strategies.value_function import VALUES, ValueFunction
from pipeline.supernet import Supernet
from pipeline.training import checkpoint

VALUE_NAMES = tuple(VALUES)
KEPT_EVERY = 10  # permutations between two checkpoints


@dataclass(frozen=True)
class Walks:
    """Permutations and the values along them."""

    orders: NDArray[np.int64]  # int64[m, n], players in the order in which they leave
    # float64[values, m, n + 1] in the order of `VALUE_NAMES`; column k: after k removals
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
            sizes: (least, end): use only contributions to coalitions of least <= size < end; None:
                use all.
            eta: leave out the contributions of a permutation after V has dropped by more than
                eta * |V(N)|; None: leave out nothing.
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

    def value_full(self) -> float:
        """V(N) by accuracy, the mean over draws."""
        return float(self.V[0, :, 0].mean())


def read(path: Path) -> Walks:
    """The walks that the stage `walk` has written."""
    saved = read_arrays(path, whole=["orders", "V"])
    return Walks(saved["orders"], saved["V"])


def together(parts: Sequence[Walks]) -> Walks:
    """Several runs joined into one."""
    orders = np.concatenate([walks.orders for walks in parts])
    return Walks(orders, np.concatenate([walks.V for walks in parts], axis=1))


def part_of(images: Images, part: tuple[int, int]) -> Images:
    """Part k of n equal, disjoint parts."""
    k, n = part
    first, last = np.linspace(0, images.n, n + 1).astype(int)[[k - 1, k]]
    return images.only(np.arange(first, last))


class AllValues(ValueFunction):
    """Measures all of `VALUES` at once."""

    def all_values(self, coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        """bool[b, n] -> float64[b, values]."""
        with torch.no_grad(), self.measuring():
            return np.array([self._all_means(S) for S in coalitions])

    def _all_means(self, S: NDArray[np.bool_]) -> list[float]:
        mixing = self._mixing(self._present(S))
        with self._normalised(mixing):
            sums = [
                [float(value(logits, labels)) for value in VALUES.values()]
                for logits, labels in self._answers(mixing)
            ]
        return [total / self._n for total in np.sum(sums, axis=0)]

    def _answers(self, mixing: Tensor) -> list[tuple[Tensor, Tensor]]:
        self.images_forward += self._n
        return [
            (self._logits(images, mixing, beginning), labels)
            for (images, labels), beginning in zip(self._batches, self._beginnings, strict=True)
        ]


def walk(
    job: WalkJob,
    supernet: Supernet,
    alpha: NDArray[np.float64],
    images: Images,
    state: Path | None = None,
    identity: dict[str, Any] | None = None,
) -> Walks:
    """Evaluate a job's permutations, except those already saved in `state`.

    Each permutation is followed by its reverse on other images, which reduces the noise of the mean
    without bias. `alpha` is float64[n_players]. The job uses a part of `images`. `identity` holds
    settings that affect the values and are not in the job.
    """
    seed = seeds.derive(job.seed, *job.stream)
    on_device = torch.from_numpy(alpha).to(next(supernet.parameters()).device)
    own = part_of(images, job.part)
    V = AllValues(supernet, on_device, own, ValueSettings(**job.value), seed)
    n, permutations = len(V.players), job.permutations
    drawn = [
        seeds.numpy_generator(seed, "order", m // 2).permutation(n) for m in range(permutations)
    ]
    orders = np.stack([order[:: -1 if m % 2 else 1] for m, order in enumerate(drawn)])
    identity = {**(identity or {}), **job.model_dump(mode="json")}
    saved = checkpoint.load(state, identity) if state else None
    values = [*saved["V"].numpy()] if saved else []
    for m in range(len(values), permutations):
        V.redraw(m)
        coalitions = who_is_left(orders[m])
        values.append(V.all_values(coalitions).T)
        if state and (m + 1) % KEPT_EVERY == 0:
            checkpoint.save(state, {"V": torch.from_numpy(np.stack(values))}, identity)
    return Walks(orders, np.stack(values, axis=1))
