r"""How much two players together add beyond what each adds alone, for all pairs of players.

    δ_ij(S) = V(S ∪ {i, j}) - V(S ∪ {i}) - V(S ∪ {j}) + V(S)    for coalitions S without i and j
    I_ij    = E_q E_S δ_ij(S \ {i, j})

q is uniform on [0, 1], and S contains each player independently with probability q. I_ij is the
Shapley interaction index (Grabisch & Roubens, 1999) in Owen's form. If operations depend on each
other, as Shapley-NAS claims (section 3.1, Fig. 2), some I_ij are not zero. The main effect of
player i, with Shapley value φ_i, is

    I_i = φ_i - 1/2 Σ_{j ≠ i} I_ij

Main effects and interactions together are the k-SII of order 2 (Bordt & von Luxburg, AISTATS 2023).
They add up to V(N) - V(∅) for the set N of all players.

A sample is a coalition with all coalitions that differ from it in one or two players; it gives one
δ_ij for every pair.
"""
# Tested in tests/shapley/test_library.py.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.shapley.answer import frame, half_width, new_axes
from pipeline.shapley.estimation import (
    Seed,
    exact_up_to,
    generator,
    mean_and_error,
    named,
    require_budget,
)
from pipeline.shapley.exact import every_coalition, shapley_values
from pipeline.shapley.game import Game, ValueFunction
from pipeline.shapley.multilinear import coalitions, stratified
from pipeline.shapley.permutation import M

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Interactions:
    """Interactions and main effects.

    Attributes:
        pairs: float64[n, n], the interactions I_ij; symmetric, with NaN on the diagonal.
        standard_error: float64[n, n], standard errors of `pairs`.
        main: float64[n], the main effects I_i.
        main_error: float64[n], standard errors of `main`.
        evaluations: number of coalitions evaluated.
        freedom: number of samples minus one; None if all coalitions were evaluated.
        players: names of the players.
    """

    pairs: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    main: NDArray[np.float64]
    main_error: NDArray[np.float64]
    evaluations: int
    freedom: int | None
    players: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Interactions with standard errors and 95 % intervals; the largest magnitude first."""
        n = len(self.main)
        i, j = np.triu_indices(n, 1)
        value, error = self.pairs[i, j], self.standard_error[i, j]
        freedom = None if self.freedom is None else np.full(len(value), self.freedom)
        half = half_width(error, freedom, 0.95)
        rows = {
            "first": [self.players[o] for o in i],
            "second": [self.players[o] for o in j],
            "interaction": value,
            "standard_error": error,
            "low": value - half,
            "high": value + half,
        }
        order = np.argsort(-np.abs(value), kind="stable")
        return frame(rows).iloc[order].reset_index(drop=True)

    def plot(self, axes: Axes | None = None) -> Axes:
        """A heat map of the pairs: positive interactions are red, negative ones blue."""
        axes = axes or new_axes()
        largest = float(np.nanmax(np.abs(self.pairs), initial=1e-12))
        image = axes.imshow(self.pairs, cmap="RdBu_r", vmin=-largest, vmax=largest)
        ticks = range(len(self.main))
        axes.set_xticks(ticks, self.players, rotation=90)
        axes.set_yticks(ticks, self.players)
        axes.figure.colorbar(image, ax=axes, label="interaction")
        return axes


def estimate_interactions(
    game: ValueFunction,
    players: int | Sequence[str],
    budget: int | None = None,
    seed: Seed = 0,
    *,
    noisy: bool = False,
    batch_size: int | None = None,
) -> Interactions:
    """Estimate the interaction of every pair of players.

    Args:
        game: V, as for `estimate`.
        players: the number n of players, at least two, or their names.
        budget: the largest number of coalitions to evaluate. With 2^n or more, all are evaluated
            if V is not noisy. None: ten samples, each of 1 + n + n (n-1) / 2 coalitions.
        seed: as for `estimate`.
        noisy: whether V may return different values for the same coalition.
        batch_size: coalitions per call of V; None: one call for each sample.

    Raises:
        InputError: the budget is too small for two samples, or the seed is invalid.
    """
    n, given = named(players)
    names = given or tuple(map(str, range(n)))
    played = Game(game, n, noisy=noisy, batch_size=batch_size)
    if budget is not None and n <= exact_up_to(budget) and not played.redraws:
        return _enumerated(played, names)
    cost = 1 + n + comb(n, 2)
    require_budget(budget, 2 * cost)
    count = M if budget is None else budget // cost
    rng = generator(seed)
    drawn = coalitions(rng, n, stratified(rng, count))
    values = played.play([second_neighbours(S) for S in drawn])
    samples = [_sample(S, V) for S, V in zip(drawn, values, strict=False)]
    pairs, pair_error = mean_and_error(np.stack([pair.ravel() for pair, _ in samples]))
    main, main_error = mean_and_error(np.stack([rest for _, rest in samples]))
    return Interactions(
        pairs.reshape(n, n),
        pair_error.reshape(n, n),
        main,
        main_error,
        played.evaluations,
        len(samples) - 1,
        names,
    )


def _enumerated(game: Game, names: tuple[str, ...]) -> Interactions:
    """Exact interactions, from the values of all coalitions."""
    V = game.play([every_coalition(game.n_players)])[0]
    pairs = pair_indices(V)
    main = shapley_values(V) - np.nansum(pairs, axis=1) / 2
    exact = np.where(np.isnan(pairs), np.nan, 0.0)
    return Interactions(pairs, exact, main, np.zeros_like(main), game.evaluations, None, names)


def second_neighbours(S: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """S and all coalitions that differ from it in 1 or 2 players, bool[1 + n + n (n-1) / 2, n]."""
    n = len(S)
    flips = np.zeros((1 + n + comb(n, 2), n), dtype=bool)
    for row, members in enumerate([(), *combinations(range(n), 1), *combinations(range(n), 2)]):
        flips[row, list(members)] = True
    return S ^ flips


def _sample(
    S: NDArray[np.bool_], V: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """δ_ij float64[n, n] and main effects float64[n] from the values of `second_neighbours(S)`."""
    n = len(S)
    sign = np.where(S, 1.0, -1.0)
    singles = V[1 : n + 1]  # V if one player is added or removed
    doubles = np.zeros((n, n))  # V if two are
    doubles[np.triu_indices(n, 1)] = V[n + 1 :]
    doubles += doubles.T
    pairs = sign[:, None] * sign * (V[0] - singles[:, None] - singles + doubles)
    np.fill_diagonal(pairs, np.nan)
    return pairs, sign * (V[0] - singles) - np.nansum(pairs, axis=1) / 2


def pair_indices(V: NDArray[np.float64]) -> NDArray[np.float64]:
    """I_ij from the values of all coalitions, float64[2^n] -> float64[n, n]."""
    n = len(V).bit_length() - 1
    cube = V.reshape((2,) * n)
    others = every_coalition(n - 2).sum(axis=1).reshape((2,) * (n - 2))
    weight = 1 / ((n - 1) * np.array([comb(n - 2, t) for t in range(n - 1)]))[others]
    indices = np.full((n, n), np.nan)
    for i, j in combinations(range(n), 2):
        both = np.moveaxis(cube, (i, j), (0, 1))
        indices[i, j] = indices[j, i] = np.sum(
            weight * (both[1, 1] - both[1, 0] - both[0, 1] + both[0, 0])
        )
    return indices
