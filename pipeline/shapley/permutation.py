"""Shapley values by sampling permutations (paper, section 3.3, Eq. 4).

    φ_o(V) = 1/|N|! Σ_{R ∈ π(N)} [V(Pre_o(R) ∪ {o}) - V(Pre_o(R))]

is the mean over permutations R; M of them, drawn uniformly, estimate it without bias. A
permutation is walked from the full set downwards, removing one player after the other (R read
backwards, which is as uniform). Over whole permutations the sum telescopes, so that Σ_o φ_o =
V(N) - V(∅) exactly, whatever M.
"""

from __future__ import annotations

import numpy as np

from pipeline.errors import InputError
from pipeline.registry import register
from pipeline.shapley.estimation import Estimate, average
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
    marginals, full_values = [], []
    for m in range(_count(game, budget, permutations)):
        game.redraw(m)
        order = rng.permutation(game.n_players)  # who leaves first, second, ...
        leaves = np.argsort(order)
        # Row k - 1: those who are left after k departures, k = 1 .. n - 1.
        coalitions = leaves >= np.arange(1, game.n_players)[:, None]
        V = np.array([game.full(), *game.value(coalitions), game.empty()])
        marginals.append((V[:-1] - V[1:])[leaves])
        full_values.append(V[0])
    return average(marginals, full_values, game.evaluations)


def _count(game: Game, budget: int | None, permutations: int | None) -> int:
    """Number of permutations to walk."""
    if permutations is not None and permutations < 1:
        raise InputError(f"estimator permutation: permutations is {permutations}, at least 1")
    if budget is None:
        return permutations or M
    n = game.n_players
    if budget < n + 1:
        raise InputError(
            f"estimator permutation: budget {budget}, one permutation of {n} players takes {n + 1}"
        )
    # V(N) and V(∅) are evaluated once a draw, which is once in all if V stays the same.
    affordable = budget // (n + 1) if game.redraws else (budget - 2) // max(n - 1, 1)
    return min(permutations or affordable, max(affordable, 1))
