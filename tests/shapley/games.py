"""Games whose Shapley values are known by a formula or from print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np


@dataclass(frozen=True)
class KnownGame:
    """V: bool[b, n] -> float[b], and its Shapley values."""

    name: str
    value: Callable[[np.ndarray], np.ndarray]
    phi: np.ndarray

    @property
    def n_players(self) -> int:
        return len(self.phi)


def unanimity(n: int, members: tuple[int, ...]) -> KnownGame:
    """1 if all members are in, else 0; the members share 1 equally (Shapley, 1953)."""
    phi = np.zeros(n)
    phi[list(members)] = 1 / len(members)
    return KnownGame("unanimity", lambda S: S[:, list(members)].all(axis=1).astype(float), phi)


def glove() -> KnownGame:
    """Two left gloves, one right: 1/6, 1/6, 4/6 (textbook)."""
    value = lambda S: np.minimum(S[:, :2].sum(axis=1), S[:, 2:].sum(axis=1))  # noqa: E731
    return KnownGame("glove", value, np.array([1 / 6, 1 / 6, 4 / 6]))


def airport() -> KnownGame:
    """The longest runway is paid: who needs a piece shares it (Littlechild & Owen, 1973)."""
    costs = np.array([1.0, 4.0, 4.0, 9.0, 10.0])
    pieces = np.diff(costs, prepend=0) / np.arange(len(costs), 0, -1)
    return KnownGame("airport", lambda S: np.max(S * costs, axis=1), np.cumsum(pieces))


def voting() -> KnownGame:
    """Council of the EEC of 1958, quota 12; its Shapley-Shubik index is in every textbook."""
    weights = np.array([4, 4, 4, 2, 2, 1])  # the last, Luxembourg, is a null player
    return KnownGame(
        "voting",
        lambda S: (S @ weights >= 12).astype(float),
        np.array([14, 14, 14, 9, 9, 0]) / 60,
    )


def dividends(n: int, seed: int) -> KnownGame:
    """A random sum of unanimity games: each coalition's dividend is shared by its members.

    Every game is such a sum, so that linearity gives the values of a random game; V(∅) is moved
    away from 0, which Shapley values do not see.
    """
    rng = np.random.default_rng(seed)
    coalitions = [c for k in range(1, n + 1) for c in combinations(range(n), k)]
    shares = rng.normal(size=len(coalitions))
    phi = np.zeros(n)
    for members, share in zip(coalitions, shares, strict=True):
        phi[list(members)] += share / len(members)

    def value(S: np.ndarray) -> np.ndarray:
        complete = np.stack([S[:, list(members)].all(axis=1) for members in coalitions])
        return 0.7 + shares @ complete

    return KnownGame(f"dividends{n}", value, phi)


def random_table(n: int, seed: int) -> KnownGame:
    """A table of 2^n random values, in which nothing is symmetric or zero; values by all orders."""
    table = np.random.default_rng(seed).normal(size=2**n)

    def value(S: np.ndarray) -> np.ndarray:
        return table[S @ (1 << np.arange(n))]

    return KnownGame(f"table{n}", value, by_all_orders(value, n))


def by_sizes(
    value: Callable[[np.ndarray], np.ndarray], n: int, weight: Callable[[int], float]
) -> np.ndarray:
    """A semi-value as it stands: Σ_S weight(|S|) [V(S ∪ {o}) - V(S)] over all S without o."""
    phi = np.zeros(n)
    for o in range(n):
        others = [p for p in range(n) if p != o]
        for s in range(n):
            for members in combinations(others, s):
                S = np.zeros((1, n), dtype=bool)
                S[0, list(members)] = True
                with_o = S.copy()
                with_o[0, o] = True
                phi[o] += weight(s) * (value(with_o)[0] - value(S)[0])
    return phi


class Differentiable:
    """A game with the gradient of its multilinear extension at 0/1: what each player adds there."""

    def __init__(self, value: Callable[[np.ndarray], np.ndarray]):
        self.value = value

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        return self.value(coalitions)

    def gradient(self, coalitions: np.ndarray) -> np.ndarray:
        n = coalitions.shape[1]
        columns = []
        for o in range(n):
            with_o, without = coalitions.copy(), coalitions.copy()
            with_o[:, o], without[:, o] = True, False
            columns.append(self.value(with_o) - self.value(without))
        return np.stack(columns, axis=1)


def by_all_orders(value: Callable[[np.ndarray], np.ndarray], n: int) -> np.ndarray:
    """Eq. 4 as it stands: the mean marginal contribution over all n! orders."""
    phi = np.zeros(n)
    orders = list(permutations(range(n)))
    for order in orders:
        S = np.zeros(n, dtype=bool)
        for o in order:
            before = value(S[None])[0]
            S[o] = True
            phi[o] += value(S[None])[0] - before
    return phi / len(orders)


GAMES = [
    unanimity(1, (0,)),
    unanimity(5, (0, 2, 3)),
    glove(),
    airport(),
    voting(),
    dividends(4, seed=1),
    dividends(7, seed=2),
    random_table(5, seed=0),
]


class Recorder(Differentiable):
    """A game that keeps the coalitions it was asked for."""

    def __init__(self, value: Callable[[np.ndarray], np.ndarray]):
        super().__init__(value)
        self.asked: list[np.ndarray] = []
        self.cost = 0

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        self.asked.extend(coalitions.copy())
        self.cost += len(coalitions)
        return self.value(coalitions)

    def gradient(self, coalitions: np.ndarray) -> np.ndarray:
        self.cost += 3 * len(coalitions)
        return super().gradient(coalitions)


class Orders:
    """Stands in for a generator: hands out given permutations in turn."""

    def __init__(self, *orders: list[int]):
        self.orders = iter(orders)

    def permutation(self, n: int) -> np.ndarray:
        return np.array(next(self.orders))
