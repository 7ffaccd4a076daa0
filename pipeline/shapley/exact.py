"""Exact Shapley values by enumeration: the oracle of the other estimators (Eq. 3).

φ_o(V) = 1/|N| Σ_{S ⊆ N∖{o}} [V(S ∪ {o}) - V(S)] / C(|N|-1, |S|)
"""

from __future__ import annotations

from math import comb

import numpy as np

from pipeline.errors import InputError
from pipeline.settings import Settings
from pipeline.shapley.estimation import Estimate, estimator
from pipeline.shapley.game import Game

# 2^20 coalitions; an enumeration beyond is a mistake.
LARGEST = 20


@estimator("exact")
def exact(game: Game, rng: np.random.Generator, budget: int | None, settings: Settings) -> Estimate:
    """Enumerate all 2^n coalitions; a value function that redraws is drawn once.

    Raises:
        InputError: more players than can be enumerated, or the budget is below 2^n.
    """
    n = game.n_players
    if n > LARGEST:
        raise InputError(f"{n} players, at most {LARGEST}; choose permutation")
    if budget is not None and budget < 2**n:
        raise InputError(f"budget is {budget}, {n} players need {2**n} evaluations")
    game.redraw(0)
    coalitions = np.indices((2,) * n, np.uint8).reshape(n, -1).T.astype(np.bool_)  # [2^n, n]
    V = game.value(coalitions).reshape((2,) * n)  # V[0, 1, 1] is the value of {2, 3}
    size = coalitions.sum(axis=1).reshape(V.shape)
    weight = 1 / (n * np.array([comb(n - 1, s) for s in range(n)]))  # by |S|
    phi = np.empty(n)
    for o in range(n):
        marginal = V.take(1, axis=o) - V.take(0, axis=o)
        phi[o] = np.sum(weight[size.take(0, axis=o)] * marginal)
    return Estimate(
        phi=phi,
        standard_error=np.zeros(n),
        reached=np.full(n, 2 ** (n - 1)),
        evaluations=game.evaluations,
        value_full=float(V.flat[-1]),
        efficient=True,
    )
