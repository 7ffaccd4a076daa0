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
from pipeline.registry import register
from pipeline.shapley.estimation import Estimate, at_least, average
from pipeline.shapley.game import Game

M = 10  # paper, section 4.1


@register("estimators", "permutation")
def permutation(
    game: Game,
    rng: np.random.Generator,
    budget: int | None = None,
    *,
    permutations: int | None = None,
) -> Estimate:
    """Average the marginal contributions over whole permutations.

    Args:
        game: the game.
        rng: draws the permutations.
        budget: the most coalitions to evaluate; only permutations that fit whole are walked.
        permutations: M; None: as many as the budget allows, without a budget the paper's 10.

    Raises:
        InputError: the budget does not reach for one permutation.
    """
    count = affordable("permutation", game, budget, permutations)
    orders = [rng.permutation(game.n_players) for _ in range(count)]
    marginals, full_values = walk_all(game, orders)
    return average(marginals, full_values, game.evaluations, efficient=True)


def walk_all(
    game: Game, orders: Sequence[NDArray[np.int64]]
) -> tuple[list[NDArray[np.float64]], list[float]]:
    """Marginal contributions float64[n] and V(N) of each permutation, under a draw of its own.

    Args:
        game: the game.
        orders: who leaves first, second, ..., int64[n] each.
    """
    walks = game.each(lambda m: walk(game, m, orders[m]), range(len(orders)))
    return [marginal for marginal, _ in walks], [full for _, full in walks]


def walk(game: Game, m: int, order: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
    """Marginal contributions float64[n] along permutation number m, and V(N)."""
    game.redraw(m)
    n = game.n_players
    leaves = np.argsort(order)
    # Row k: those who are left after k departures, k = 0 .. n.
    coalitions = leaves >= np.arange(n + 1)[:, None]
    V = game.value(coalitions)
    return (V[:-1] - V[1:])[leaves], float(V[0])


def affordable(
    estimator: str, game: Game, budget: int | None, permutations: int | None, block: int = 1
) -> int:
    """Number of whole permutations to walk.

    Args:
        estimator: for the error message.
        game: the game.
        budget: the most coalitions to evaluate.
        permutations: the most permutations; None: as many as the budget allows, else the paper's M.
        block: permutations that belong together; the number is a multiple.

    Raises:
        InputError: the options or the budget do not reach for one block.
    """
    at_least(block, estimator, permutations=permutations)
    count = permutations or M
    if budget is not None:
        n = game.n_players
        least = block * (n + 1) if game.redraws else 2 + block * (n - 1)
        if budget < max(least, n + 1):
            raise InputError(
                f"estimator {estimator}: budget is {budget}, one permutation of {n} players takes "
                f"{n + 1}, and they come {block} at a time"
            )
        # V(N) and V(∅) are evaluated once a draw, which is once in all if V stays the same.
        most = budget // (n + 1) if game.redraws else (budget - 2) // max(n - 1, 1)
        count = min(permutations or most, max(most, 1))
    return max(count // block, 1) * block
