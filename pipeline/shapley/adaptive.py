"""Permutation sampling that stops when it knows enough, and looks only where it does not.

Permutations come in rounds. A player is open, and its marginal contributions are evaluated, until
  - its standard error is at most `target_error`, or
  - its edge is decided: the best of the edge is better than each other at the confidence level, or
    this player is worse than the best at that level,
whichever is asked for (both: whichever comes first). Sampling ends when nobody is open, or at the
budget.

A permutation is drawn over all players as ever, but only coalitions next to an open player are
evaluated: V(Pre_o ∪ {o}) and V(Pre_o). So each open player's mean stays that over uniform
permutations, while evaluations go to the edges still undecided. With 4 of 24 players open a
permutation costs about a third.

Two players of an edge are compared by the differences of their marginal contributions in the same
permutations, with a one-sided t test. The error is shared among the edges, the rivals of an edge
and the looks (look k gets 1 / (k (k + 1)) of it), so that all decisions are right with the
probability asked for, as far as t tests hold. Stopping by the data leaves φ itself slightly biased.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.settings import OURS, Settings, setting
from pipeline.shapley.estimation import (
    Estimate,
    average,
    estimator,
    mean_and_error,
    require_budget,
)
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import M, walk

ROUND = 5
# A t test needs some permutations, whose number must not depend on what they show.
FEWEST = 2 * ROUND
MOST = 100

Edges = NDArray[np.int64]


class AdaptiveSettings(Settings):
    """When enough is known of a player."""

    permutations: int | None = setting(
        None,
        f"the most permutations; none: as the budget allows, else {MOST}, or {M} if nothing stops",
        OURS,
        ge=2,
    )
    target_error: float | None = setting(
        None, "the standard error that is small enough, in units of V; none: not asked", OURS, ge=0
    )
    confidence: float = setting(
        0.95,
        "probability that all decisions on the best player of an edge are right",
        OURS,
        gt=0,
        lt=1,
    )


@estimator("adaptive", AdaptiveSettings)
def adaptive(
    game: Game,
    rng: np.random.Generator,
    budget: int | None,
    settings: AdaptiveSettings,
    *,
    edges: Edges | Sequence[int] | None = None,
) -> Estimate:
    """Sample until the error is small, the edges are decided, or the budget is spent.

    Args:
        game: the game.
        rng: draws the permutations.
        budget: the most coalitions to evaluate.
        settings: when to stop.
        edges: int[n], the edge of each player; None: edges are not compared.

    Raises:
        InputError: `edges` has another length, or the budget does not reach for two permutations.
    """
    n = game.n_players
    require_budget(budget, 2 * n + 2)
    if edges is not None and len(edges) != n:
        raise InputError(f"edges names {len(edges)} players, not {n}")
    edges = None if edges is None else np.asarray(edges)
    stops = settings.target_error is not None or edges is not None
    most = settings.permutations or budget or (MOST if stops else M)
    delta, V_N = np.empty((0, n)), np.empty(0)
    is_open = np.ones(n, dtype=bool)
    look = 0
    while is_open.any() and len(delta) < most:
        fitting = ROUND if budget is None else (budget - game.evaluations) // (n + 1)
        count = min(ROUND, most - len(delta), fitting)
        if count < 1:
            break
        orders = [rng.permutation(n) for _ in range(count)]
        later, V_N_later = walk(game, orders, len(delta), is_open)
        delta, V_N = np.concatenate([delta, later]), np.concatenate([V_N, V_N_later])
        if stops and len(delta) >= FEWEST:
            look += 1
            # Once closed, a player stays closed: what is not sampled has no new evidence.
            is_open &= open_players(delta, look, edges, settings)
    return average(delta, V_N, game.evaluations, efficient=not np.isnan(delta).any())


def open_players(
    delta: NDArray[np.float64], look: int, edges: Edges | None, settings: AdaptiveSettings
) -> NDArray[np.bool_]:
    """Whom to go on with, bool[n], after the samples [m, n] at look number 1, 2, ..."""
    is_open = np.ones(delta.shape[1], dtype=bool)
    if settings.target_error is not None:
        error = mean_and_error(delta)[1]
        is_open &= ~(error <= settings.target_error)
    if edges is not None:
        is_open &= undecided(delta, edges, (1 - settings.confidence) / (look * (look + 1)))
    return is_open


def undecided(delta: NDArray[np.float64], edges: Edges, error: float) -> NDArray[np.bool_]:
    """Players that may still be the best of an undecided edge, bool[n].

    Args:
        delta: float64[m, n], NaN where a player was no longer sampled.
        edges: int[n].
        error: the probability of any wrong decision at this look.
    """
    from scipy.special import stdtrit  # scipy takes longer to import than most estimates

    contender = np.ones(len(edges), dtype=bool)
    mean = mean_and_error(delta)[0]
    n_edges = len(np.unique(edges))
    for edge in np.unique(edges):
        players = np.flatnonzero(edges == edge)
        best = players[np.argmax(mean[players])]
        rivals = players[players != best]
        if len(rivals):
            difference, spread = mean_and_error(delta[:, [best]] - delta[:, rivals])
            degrees = np.sum(~np.isnan(delta[:, rivals] + delta[:, [best]]), axis=0) - 1
            quantile = stdtrit(np.maximum(degrees, 1), 1 - error / (n_edges * len(rivals)))
            contender[rivals] = ~(difference > quantile * spread)
        # The best of a decided edge has no rival left.
        contender[best] = contender[rivals].any()
    return contender
