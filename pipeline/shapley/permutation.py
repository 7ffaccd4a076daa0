"""Shapley values by sampling permutations (paper, section 3.3, Eq. 4).

    φ_o(V) = 1/|N|! Σ_{R ∈ π(N)} [V(Pre_o(R) ∪ {o}) - V(Pre_o(R))]

is the mean over permutations R; M of them, drawn uniformly, estimate it without bias. A
permutation is walked from the full set downwards, removing one player after the other (R read
backwards, which is as uniform). Over whole permutations the sum telescopes, so that Σ_o φ_o =
V(N) - V(∅) exactly, whatever M.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.settings import PAPER, Settings, setting
from pipeline.shapley.estimation import Estimate, average, estimator
from pipeline.shapley.game import Game

M = 10  # paper, section 4.1
MEANING = "M; none: as many as the budget allows, without a budget 10"


class PermutationSettings(Settings):
    """How many permutations are walked."""

    permutations: int | None = setting(None, MEANING, PAPER, ge=1)


@estimator("permutation", PermutationSettings)
def permutation(
    game: Game, rng: np.random.Generator, budget: int | None, settings: PermutationSettings
) -> Estimate:
    """Average the marginal contributions over whole permutations that fit in the budget."""
    count = affordable(game, budget, settings.permutations)
    delta, V_N = walk(game, [rng.permutation(game.n_players) for _ in range(count)])
    return average(delta, V_N, game.evaluations, efficient=True)


def walk(
    game: Game,
    orders: Sequence[NDArray[np.int64]],
    first: int = 0,
    is_open: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Marginal contributions along permutations, each under a draw of its own.

    Args:
        game: the game.
        orders: who leaves first, second, ..., int64[n] for each permutation.
        first: number of the first draw.
        is_open: bool[n], the players that are asked about; only coalitions next to one of them
            are evaluated, and V(N). None: all.

    Returns:
        float64[m, n], NaN for players that are not asked about; V(N) under each draw, float64[m].
    """
    n = game.n_players
    is_open = np.ones(n, dtype=bool) if is_open is None else is_open
    delta, V_N = np.empty((len(orders), n)), np.empty(len(orders))
    for m in game.draws(range(first, first + len(orders))):
        order = orders[m - first]
        leaves = np.argsort(order)
        # Row k: those who are left after k departures, k = 0 .. n.
        coalitions = leaves >= np.arange(n + 1)[:, None]
        leaving = is_open[order]
        needed = np.r_[leaving, False] | np.r_[False, leaving]
        needed[0] = True
        V = np.full(n + 1, np.nan)
        V[needed] = game.value(coalitions[needed])
        # A closed player between two open ones is known here, but not at uniform places.
        delta[m - first] = np.where(is_open, (V[:-1] - V[1:])[leaves], np.nan)
        V_N[m - first] = V[0]
    return delta, V_N


def affordable(game: Game, budget: int | None, permutations: int | None, block: int = 1) -> int:
    """Number of whole permutations to walk.

    Args:
        game: the game.
        budget: the most coalitions to evaluate.
        permutations: the most permutations; None: as many as the budget allows, else the paper's M.
        block: number of permutations that belong together; the result is a multiple.

    Raises:
        InputError: the budget does not reach for one block.
    """
    count = permutations or M
    if budget is not None:
        n = game.n_players
        least = block * (n + 1) if game.redraws else 2 + block * (n - 1)
        if budget < max(least, n + 1):
            raise InputError(
                f"budget is {budget}, one permutation of {n} players takes {n + 1}, and they come "
                f"{block} at a time"
            )
        # V(N) and V(∅) are evaluated once for each draw, which is once in all if V stays the same.
        most = budget // (n + 1) if game.redraws else (budget - 2) // max(n - 1, 1)
        count = min(permutations or most, max(most, 1))
    return max(count // block, 1) * block
