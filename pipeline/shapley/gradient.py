"""Shapley values of a differentiable game, estimated by gradients of its multilinear extension.

    φ_o ≈ E_q E_{S ~ q} ∂V/∂z_o (S)

z_o is 1 if player o is in S and 0 otherwise, and each player is in S with probability q. If V is
the multilinear extension of a game and q is uniform in (0, 1), this is Owen's formula for the
Shapley value. For a supernet, which is not multilinear in z, it is a cheap approximation. By
default q is drawn from (1/2, 1): near the empty coalition, the gradient predicts poorly how much V
changes when a whole operation is added.
"""
# Tested in tests/shapley/test_estimation.py.

from __future__ import annotations

import numpy as np

from pipeline.errors import InputError
from pipeline.settings import OURS, Settings, setting
from pipeline.shapley.estimation import Estimate, average, estimator, require_budget
from pipeline.shapley.game import GRADIENT_COST, Game
from pipeline.shapley.multilinear import coalitions, stratified

SAMPLES = 22


class PathSettings(Settings):
    """The coalitions."""

    samples: int | None = setting(
        None,
        f"number of coalitions; none: all that the budget allows, else {SAMPLES}",
        OURS,
        ge=1,
    )
    q_min: float = setting(0.5, "least probability that a player takes part", OURS, ge=0, lt=1)


@estimator("gradient", PathSettings)
def gradient(
    game: Game, rng: np.random.Generator, budget: int | None, settings: PathSettings
) -> Estimate:
    """Average the gradient over random coalitions.

    Raises:
        InputError: V has no gradient, or the budget is too small.
    """
    if not game.differentiable:
        raise InputError(
            "this value function has no gradient; choose permutation, or for a supernet the value "
            "negative_loss or soft_accuracy"
        )
    require_budget(budget, GRADIENT_COST + 1)
    q_min, samples = settings.q_min, settings.samples
    if budget is not None:
        samples = min(samples or budget, (budget - 1) // GRADIENT_COST)
    count = samples or SAMPLES
    drawn = coalitions(rng, game.n_players, q_min + (1 - q_min) * stratified(rng, count))
    slope = np.empty((count, game.n_players))
    for k in game.draws(range(count)):
        slope[k] = game.gradient(drawn[k][None])[0]
    return average(slope, np.array([game.full()]), game.evaluations)
