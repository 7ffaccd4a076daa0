"""Shapley values of a differentiable game by gradients of its multilinear extension.

    φ_o ≈ E_q E_{S ~ q} ∂V/∂z_o (S)

where z_o says how present player o is: 1 in S, 0 outside. For the multilinear extension of a game
this is Owen's form of the Shapley value. A supernet is differentiable in z but not multilinear, so
that here it is an approximation, and a cheap one: a forward and a backward pass give a number for
every player. Near the empty coalition the gradient of a supernet says little about what a whole
operation adds; so q is drawn from the window (1/2, 1) by default.
"""

from __future__ import annotations

import numpy as np

from pipeline.errors import InputError
from pipeline.registry import register
from pipeline.shapley.estimation import Estimate, at_least, average
from pipeline.shapley.game import GRADIENT_COST, Game
from pipeline.shapley.multilinear import coalitions, stratified

SAMPLES = 22


@register("estimators", "gradient")
def gradient(
    game: Game,
    rng: np.random.Generator,
    budget: int | None = None,
    *,
    samples: int | None = None,
    q_min: float = 0.5,
) -> Estimate:
    """Average the gradient over random coalitions.

    Args:
        game: a game whose value function has `gradient`.
        rng: draws the coalitions.
        budget: the most evaluations, a gradient counting as three.
        samples: coalitions; None: as many as the budget allows, without a budget 22.
        q_min: the least probability to take part, in [0, 1).

    Raises:
        InputError: V has no gradient, or an option is out of range.
    """
    if not game.differentiable:
        raise InputError(
            "estimator gradient: this value function has no gradient; choose permutation, or for "
            "a supernet the value negative_loss or soft_accuracy"
        )
    if not 0 <= q_min < 1:
        raise InputError(f"estimator gradient: q_min is {q_min}, at least 0 and below 1")
    at_least(1, "gradient", samples=samples)
    at_least(GRADIENT_COST + 1, "gradient", budget=budget)
    if budget is not None:
        samples = min(samples or budget, (budget - 1) // GRADIENT_COST)
    count = samples or SAMPLES
    drawn = coalitions(rng, game.n_players, q_min + (1 - q_min) * stratified(rng, count))

    def at(k: int) -> np.ndarray:
        game.redraw(k)
        return game.gradient(drawn[k][None])[0]

    return average(game.each(at, range(count)), [game.full()], game.evaluations)
