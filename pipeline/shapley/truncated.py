"""Shapley values by permutations with early truncation (paper, section 3.3).

A permutation is walked from the full set downwards and broken off once the removed players lead
to a drop beyond the threshold,

    (V(N) - V(S)) / V(N) > η.

What the paper leaves open, and what is chosen here:
- The drop is relative to V(N), as in the released code. The inequality is multiplied out, so
  that V(N) = 0 is no special case, and takes |V(N)|, so that V may be negative (a loss).
- The player whose removal crosses the threshold has been evaluated and counts as reached:
  leaving its marginal contribution out would hide the most important players.
- A player that a permutation never reached is unknown in it, not zero: φ is the mean over the
  permutations that reached the player, and NaN if none did. The released code fills in zeros.

The result is the mean over large coalitions rather than over all, hence biased for φ; so the
paper intends it, small coalitions being the noisy ones.
"""

from __future__ import annotations

import itertools

import numpy as np

from pipeline.errors import InputError
from pipeline.registry import register
from pipeline.shapley.estimation import Estimate, average
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import M

ETA = 0.5  # paper, section 4.1


@register("estimators", "truncated")
def truncated(
    game: Game,
    rng: np.random.Generator,
    budget: int | None = None,
    *,
    permutations: int | None = None,
    eta: float = ETA,
) -> Estimate:
    """Average the marginal contributions that truncated permutations reach.

    Args:
        game: the game; coalitions are evaluated one by one, since each decides on the next.
        rng: draws the permutations.
        budget: the most coalitions to evaluate; it may break off the last permutation.
        permutations: M; None: until the budget is spent, without a budget the paper's 10.
        eta: η, the tolerated drop as a share of V(N), at least 0.

    Raises:
        InputError: an option is out of range, or the budget reaches nobody.
    """
    if permutations is not None and permutations < 1:
        raise InputError(f"estimator truncated: permutations is {permutations}, at least 1")
    if eta < 0:
        raise InputError(f"estimator truncated: eta is {eta}, at least 0")
    if budget is None:
        budget, permutations = np.iinfo(np.int64).max, permutations or M
    elif budget < 2:
        raise InputError(f"estimator truncated: budget {budget}, at least 2")
    marginals, full_values = [], []
    for m in range(permutations) if permutations else itertools.count():
        game.redraw(m)
        order = rng.permutation(game.n_players)
        marginals.append(_walk(game, order, eta, budget))
        full_values.append(game.full())
        if budget - game.evaluations < (2 if game.redraws else 1):
            break
    return average(marginals, full_values, game.evaluations)


def _walk(game: Game, order: np.ndarray, eta: float, budget: int) -> np.ndarray:
    """Remove players in order; their marginal contributions float64[n], NaN where not reached."""
    V_N = V_S = game.full()
    S = np.ones(game.n_players, dtype=bool)
    marginal = np.full(game.n_players, np.nan)
    for o in order:
        drop = V_N - V_S
        if drop > eta * abs(V_N) or game.evaluations >= budget:
            break
        S[o] = False
        V_without = float(game.value(S[None])[0])
        marginal[o] = V_S - V_without
        V_S = V_without
    return marginal
