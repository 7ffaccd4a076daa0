"""Exact Shapley values by enumeration (Eq. 3): the reference for the other estimators.

φ_o(V) = 1/|N| Σ_{S ⊆ N∖{o}} [V(S ∪ {o}) - V(S)] / C(|N|-1, |S|)

V is the value function, N the set of all players, o a player, and C(a, b) a binomial coefficient.
"""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.settings import Settings
from pipeline.shapley.estimation import LARGEST, Estimate, average, estimator
from pipeline.shapley.game import Game


@estimator("exact")
def exact(game: Game, rng: np.random.Generator, budget: int | None, settings: Settings) -> Estimate:
    """Evaluate all 2^n coalitions under one draw of V, for example all on the same images.

    A noisy game (V returns a different value at each call) is evaluated on as many draws as the
    budget allows, or on one draw without a budget. Its standard error is computed over draws, and
    is NaN for a single draw. Without noise it is zero.

    Raises:
        InputError: there are too many players, or the budget is below 2^n.
    """
    n = game.n_players
    if n > LARGEST:
        raise InputError(f"{n} players, at most {LARGEST}; choose permutation")
    if budget is not None and budget < 2**n:
        raise InputError(f"budget is {budget}, {n} players need {2**n} evaluations")
    rounds = (budget or 0) // 2**n if game.noisy else 1
    values = game.play([every_coalition(n)] * max(rounds, 1))
    phi = np.stack([shapley_values(V) for V in values])
    known = average(phi, np.array([V[-1] for V in values]), game.evaluations, efficient=True)
    error = known.standard_error if game.noisy else np.zeros(n)
    return replace(known, standard_error=error, reached=np.full(n, 2 ** (n - 1) * len(values)))


def every_coalition(n: int) -> NDArray[np.bool_]:
    """All coalitions, bool[2^n, n]; row i has the binary digits of i."""
    return np.indices((2,) * n, np.uint8).reshape(n, -1).T.astype(np.bool_)


def shapley_values(V: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eq. 3 from the values of all coalitions, float64[2^n] -> float64[n]."""
    n = len(V).bit_length() - 1
    cube = V.reshape((2,) * n)  # cube[0, 1, 1] is the value of {2, 3}
    size = every_coalition(n).sum(axis=1).reshape(cube.shape)
    weight = 1 / (n * np.array([comb(n - 1, s) for s in range(n)]))  # by |S|
    phi = np.empty(n)
    for o in range(n):
        marginal = cube.take(1, axis=o) - cube.take(0, axis=o)
        phi[o] = np.sum(weight[size.take(0, axis=o)] * marginal)
    return phi
