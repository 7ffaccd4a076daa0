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

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.registry import register
from pipeline.shapley.estimation import Estimate, at_least, average, mean_and_error
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import M

ROUND = 5
# A t test needs some permutations, whose number must not depend on what they show.
FEWEST = 2 * ROUND
MOST = 100


@dataclass(frozen=True)
class Stop:
    """When a player is no longer sampled; `edges` and `confidence` belong together."""

    target_error: float | None
    edges: NDArray[np.int64] | None
    confidence: float

    def open_players(self, samples: NDArray[np.float64], look: int) -> NDArray[np.bool_]:
        """Whom to go on with, bool[n], after the samples [m, n] at look number 1, 2, ..."""
        is_open = np.ones(samples.shape[1], dtype=bool)
        if self.target_error is not None:
            error = mean_and_error(samples)[1]
            is_open &= ~(error <= self.target_error)
        if self.edges is not None:
            is_open &= undecided(samples, self.edges, (1 - self.confidence) / (look * (look + 1)))
        return is_open


@register("estimators", "adaptive")
def adaptive(
    game: Game,
    rng: np.random.Generator,
    budget: int | None = None,
    *,
    permutations: int | None = None,
    target_error: float | None = None,
    edges: NDArray[np.int64] | Sequence[int] | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Sample until the error is small, the edges are decided, or the budget is spent.

    Args:
        game: the game.
        rng: draws the permutations.
        budget: the most coalitions to evaluate.
        permutations: the most permutations; None: 100, with a budget as many as it allows, and
            without anything to stop by the paper's 10.
        target_error: the standard error that is small enough, in units of V.
        edges: int[n], the edge of each player; None: edges are not compared.
        confidence: of all edges' decisions together, in (0, 1).

    Raises:
        InputError: an option is out of range, or the budget does not reach for two permutations.
    """
    n = game.n_players
    at_least(2, "adaptive", permutations=permutations)
    at_least(0, "adaptive", target_error=target_error)
    at_least(2 * n + 2, "adaptive", budget=budget)
    if not 0 < confidence < 1:
        raise InputError(f"estimator adaptive: confidence is {confidence}, between 0 and 1")
    if edges is not None and len(edges) != n:
        raise InputError(f"estimator adaptive: edges names {len(edges)} players, not {n}")
    stop = Stop(target_error, None if edges is None else np.asarray(edges), confidence)
    asked = target_error is not None or edges is not None
    most = permutations or budget or (MOST if asked else M)
    samples = np.empty((0, n))
    full_values: list[float] = []
    is_open = np.ones(n, dtype=bool)
    look = 0
    while is_open.any() and len(samples) < most:
        count = min(ROUND, most - len(samples), _affordable(game, budget))
        if count < 1:
            break
        orders = [rng.permutation(n) for _ in range(count)]
        found = game.each(_walk(game, orders, len(samples), is_open), range(count))
        samples = np.concatenate([samples, [marginal for marginal, _ in found]])
        full_values += [full for _, full in found]
        if asked and len(samples) >= FEWEST:
            look += 1
            # Once closed, a player stays closed: what is not sampled has no new evidence.
            is_open &= stop.open_players(samples, look)
    whole = not np.isnan(samples).any()
    return average(samples, full_values, game.evaluations, efficient=whole)


def undecided(
    samples: NDArray[np.float64], edges: NDArray[np.int64], error: float
) -> NDArray[np.bool_]:
    """Players that may still be the best of an undecided edge, bool[n].

    Args:
        samples: float64[m, n], NaN where a player was no longer sampled.
        edges: int[n].
        error: the probability of any wrong decision at this look.
    """
    from scipy.special import stdtrit

    contender = np.ones(len(edges), dtype=bool)
    mean = mean_and_error(samples)[0]
    n_edges = len(np.unique(edges))
    for edge in np.unique(edges):
        players = np.flatnonzero(edges == edge)
        best = players[np.argmax(mean[players])]
        rivals = players[players != best]
        if len(rivals):
            difference, spread = mean_and_error(samples[:, [best]] - samples[:, rivals])
            degrees = np.sum(~np.isnan(samples[:, rivals] + samples[:, [best]]), axis=0) - 1
            quantile = stdtrit(np.maximum(degrees, 1), 1 - error / (n_edges * len(rivals)))
            contender[rivals] = ~(difference > quantile * spread)
        # The best of a decided edge has no rival left.
        contender[best] = contender[rivals].any()
    return contender


def _affordable(game: Game, budget: int | None) -> int:
    whole = game.n_players + 1
    return ROUND if budget is None else (budget - game.evaluations) // whole


def _walk(
    game: Game, orders: list[NDArray[np.int64]], first: int, is_open: NDArray[np.bool_]
) -> Callable[[int], tuple[NDArray[np.float64], float]]:
    """A function of k: marginal contributions along `orders[k]`, NaN for closed players; V(N)."""

    def walk(k: int) -> tuple[NDArray[np.float64], float]:
        game.redraw(first + k)
        n = game.n_players
        leaves = np.argsort(orders[k])
        # Row j: those who are left after j departures; needed if an open player leaves next to it.
        coalitions = leaves >= np.arange(n + 1)[:, None]
        leaving = is_open[orders[k]]
        needed = np.r_[leaving, False] | np.r_[False, leaving]
        needed[0] = True
        V = np.full(n + 1, np.nan)
        V[needed] = game.value(coalitions[needed])
        marginal = (V[:-1] - V[1:])[leaves]
        # Between two open players a closed one would be sampled for its neighbours: not uniformly.
        return np.where(is_open, marginal, np.nan), float(V[0])

    return walk
