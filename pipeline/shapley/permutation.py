"""Shapley values by sampling permutations (paper, section 3.3, Eq. 4).

    φ_o(V) = 1/|N|! Σ_{R ∈ π(N)} [V(Pre_o(R) ∪ {o}) - V(Pre_o(R))]

is the mean over permutations R; M of them, drawn uniformly, estimate it without bias. A
permutation is walked from the full set downwards, removing one player after the other (R read
backwards, which is as uniform). Over whole permutations the sum telescopes, so that Σ_o φ_o =
V(N) - V(∅) exactly, whatever M.

`antithetic` walks each permutation and its reverse: who left first leaves last (Mitchell et al.,
"Sampling permutations for Shapley value estimation", JMLR 2022). Errors of the two partly cancel.
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
PAIR = 2
MEANING = "M; none: as many as the budget allows, without a budget 10"


class PermutationSettings(Settings):
    """How many permutations are walked."""

    permutations: int | None = setting(None, MEANING, PAPER, ge=1)


class AntitheticSettings(Settings):
    """How many permutations are walked, two at a time."""

    permutations: int | None = setting(None, MEANING, PAPER, ge=PAIR)


@estimator("permutation", PermutationSettings)
def permutation(
    game: Game, rng: np.random.Generator, budget: int | None, settings: PermutationSettings
) -> Estimate:
    """Average the marginal contributions over whole permutations that fit in the budget."""
    count = affordable(game, budget, settings.permutations)
    delta, V_N = walk(game, [rng.permutation(game.n_players) for _ in range(count)])
    return average(delta, V_N, game.evaluations, efficient=True)


@estimator("antithetic", AntitheticSettings)
def antithetic(
    game: Game, rng: np.random.Generator, budget: int | None, settings: AntitheticSettings
) -> Estimate:
    """Walk pairs of a permutation and its reverse; standard errors are those over pairs."""
    count = affordable(game, budget, settings.permutations, PAIR)
    orders: list[NDArray[np.int64]] = []
    while len(orders) < count:
        order = rng.permutation(game.n_players)
        orders += [order, order[::-1]]
    delta, V_N = walk(game, orders)
    return average(delta, V_N, game.evaluations, PAIR, efficient=True)


def walk(
    game: Game, orders: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Marginal contributions along permutations, each under a draw of its own.

    An order int64[n] says who leaves first, second, ...; returns float64[m, n] and V(N) under each
    draw, float64[m].
    """
    n = game.n_players
    delta, V_N = np.empty((len(orders), n)), np.empty(len(orders))
    for m in game.draws(range(len(orders))):
        leaves = np.argsort(orders[m])
        # Row k: those who are left after k departures, k = 0 .. n.
        V = game.value(leaves >= np.arange(n + 1)[:, None])
        delta[m] = (V[:-1] - V[1:])[leaves]
        V_N[m] = V[0]
    return delta, V_N


def affordable(game: Game, budget: int | None, permutations: int | None, block: int = 1) -> int:
    """Number of whole permutations to walk, a multiple of `block`, which belong together.

    At most `permutations`; None: as many as the budget allows, without a budget the paper's M.

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
