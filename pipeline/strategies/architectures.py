"""Architectures as sequences of choices, and their accuracy with the weights of a supernet.

A choice selects a player (an operation on an edge). NAS-Bench-201 has one choice for each edge.
DARTS' spaces have two choices for each node, on different incoming edges.
"""
# Tested in tests/strategies/test_shared_weights.py.

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.data import Images
from pipeline.devices import autocast
from pipeline.spaces import Space
from pipeline.supernet import Supernet, evaluation_mode

Choose = Callable[[int, np.ndarray], int]


def n_choices(space: Space) -> int:
    """Number of choices that define an architecture."""
    return sum(1 for _ in _slots(space))


def may_win(space: Space, none_may_win: bool) -> np.ndarray:
    """The operations that an architecture may have on each edge, bool [edges, operations].

    In DARTS' spaces `none` is never allowed, even if `none_may_win` is true.
    """
    shape = (space.n_edges, space.n_operations)
    if none_may_win and space.kept_edges is None:
        return np.ones(shape, dtype=bool)
    return space.selectable().reshape(shape)


def choose_all(space: Space, choose: Choose, none_may_win: bool = False) -> list[int]:
    """The players of one architecture, in the order of the choices.

    `choose` is called once per choice, with the number of the choice (from 0) and a mask of the
    allowed players, bool [n_players]. It returns a player.
    """
    shape = (space.n_edges, space.n_operations)
    allowed = may_win(space, none_may_win)
    chosen: list[int] = []
    taken: set[int] = set()
    for number, edges in enumerate(_slots(space)):
        mask = np.zeros(shape, dtype=bool)
        free = [e for e in edges if e not in taken]
        mask[free] = allowed[free]
        chosen.append(choose(number, mask.ravel()))
        taken.add(chosen[-1] // space.n_operations)
    return chosen


def one_hot(space: Space, players: Sequence[int]) -> np.ndarray:
    """1 for each given player, else 0: float64[n_players]."""
    strength = np.zeros(space.n_players)
    strength[list(players)] = 1.0
    return strength


def shared_accuracy(
    supernet: Supernet, batches: Sequence[tuple[Tensor, Tensor]], strength: np.ndarray
) -> tuple[float, int]:
    """Accuracy of an architecture with the weights of a supernet, and number of images classified.

    Batch norm uses the statistics of each batch.

    Args:
        supernet: the weights, which are not changed.
        batches: images and labels.
        strength: the architecture, as `one_hot` returns it.
    """
    device = batches[0][0].device
    mixing = torch.from_numpy(strength).float().to(device)
    with (
        torch.no_grad(),
        evaluation_mode(supernet, "batch"),
        autocast(device, supernet.settings.precision),
    ):
        right = sum((supernet(x, mixing).argmax(1) == labels).sum() for x, labels in batches)
    n = sum(len(labels) for _, labels in batches)
    return int(right) / n, n


def best_of(
    supernet: Supernet,
    batches: Sequence[tuple[Tensor, Tensor]],
    strengths: Sequence[np.ndarray],
) -> tuple[np.ndarray, float, int]:
    """The most accurate architecture (the first one on ties), its accuracy, images classified."""
    measured = [shared_accuracy(supernet, batches, strength) for strength in strengths]
    best = int(np.argmax([accuracy for accuracy, _ in measured]))
    return strengths[best], measured[best][0], sum(n for _, n in measured)


def value_batches(
    valid: Images, n_images: int | None, batch_size: int, generator: torch.Generator
) -> list[tuple[Tensor, Tensor]]:
    """Unaugmented images, drawn once, in batches of nearly equal size; None: all images."""
    images, labels = valid.sample(n_images or valid.n, generator)
    return in_batches(images, labels, batch_size)


def in_batches(images: Tensor, labels: Tensor, batch_size: int) -> list[tuple[Tensor, Tensor]]:
    """Split into as few batches as `batch_size` allows, all of nearly equal size."""
    n_batches = -(-len(labels) // batch_size)
    return list(zip(images.tensor_split(n_batches), labels.tensor_split(n_batches), strict=True))


def _slots(space: Space) -> Iterator[list[int]]:
    """The edges that each choice is made from, numbered over all cell types."""
    for t in range(len(space.cell_types)):
        for node in space.nodes:
            edges = [t * len(space.edges) + e for e, _ in space.incoming(node)]
            if space.kept_edges:
                yield from [edges] * space.kept_edges
            else:
                yield from ([edge] for edge in edges)
