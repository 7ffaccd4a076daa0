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
  permutations that reached the player, and NaN if none did. The released code fills in zeros
  (`released_code`). With `unreached: spread` the rest of the walk, V(S) - V(∅), is shared equally
  among those who were not reached, which keeps Σ_o φ_o = V(N) - V(∅) and costs V(∅).

The mean over those that reached is the mean over large coalitions rather than over all, hence
biased for φ; so the paper intends it, small coalitions being the noisy ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.registry import register
from pipeline.shapley.estimation import Estimate, at_least, average
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import M

ETA = 0.5  # paper, section 4.1
UNREACHED = ("mean", "spread")


@register("estimators", "truncated")
def truncated(
    game: Game,
    rng: np.random.Generator,
    budget: int | None = None,
    *,
    permutations: int | None = None,
    eta: float = ETA,
    unreached: str = "mean",
) -> Estimate:
    """Average the marginal contributions that truncated permutations reach.

    Args:
        game: the game; coalitions are evaluated one by one, since each decides on the next.
        rng: draws the permutations.
        budget: the most coalitions to evaluate; it may break off the last permutation.
        permutations: M; None: until the budget is spent, without a budget the paper's 10.
        eta: η, the tolerated drop as a share of V(N), at least 0.
        unreached: "mean" over the permutations that reached a player, or "spread", see above.

    Raises:
        InputError: an option is out of range, or the budget reaches nobody.
    """
    if unreached not in UNREACHED:
        raise InputError(
            f"estimator truncated: unreached is {unreached!r}; choose {' or '.join(UNREACHED)}"
        )
    spread = unreached == "spread"
    marginals, full_values = walk_truncated(
        "truncated", game, rng, budget, permutations, eta, spread
    )
    return average(marginals, full_values, game.evaluations, efficient=spread)


def walk_truncated(
    estimator: str,
    game: Game,
    rng: np.random.Generator,
    budget: int | None,
    permutations: int | None,
    eta: float,
    spread: bool = False,
) -> tuple[list[NDArray[np.float64]], list[float]]:
    """Marginal contributions float64[n] of each permutation, NaN where not reached, and V(N)s."""
    at_least(1, estimator, permutations=permutations)
    at_least(0, estimator, eta=eta)
    at_least(2 + spread, estimator, budget=budget)
    # A permutation may cost nothing where all its coalitions are known: budget bounds M as well.
    count = permutations or budget or M
    marginals: list[NDArray[np.float64]] = []
    full_values: list[float] = []
    whole = game.n_players + 1
    while len(marginals) < count:
        first = len(marginals)
        left = np.iinfo(np.int64).max if budget is None else budget - game.evaluations
        # V(N), and for the rest V(∅), are evaluated once a draw.
        steps = left - (1 + spread if game.redraws or not first else 0)
        if steps < 1:
            break
        # As many as fit whatever happens are walked together, else one up to the budget.
        together = int(min(max(left // whole, 1), count - first))
        orders = [rng.permutation(game.n_players) for _ in range(together)]
        walks = game.each(
            _walk(game, orders, first, eta, steps if together == 1 else whole, spread),
            range(together),
        )
        marginals += [marginal for marginal, _ in walks]
        full_values += [full for _, full in walks]
    return marginals, full_values


def _walk(
    game: Game,
    orders: list[NDArray[np.int64]],
    first: int,
    eta: float,
    steps: int,
    spread: bool,
) -> Callable[[int], tuple[NDArray[np.float64], float]]:
    """A function of k that removes players in `orders[k]` until the drop or the budget ends it.

    Args:
        game: the game.
        orders: of these permutations.
        first: number of permutation `orders[0]` among all.
        eta: η.
        steps: the most removals. Counted, since the evaluations may be another process's.
        spread: share the rest equally among those not reached.
    """

    def walk(k: int) -> tuple[NDArray[np.float64], float]:
        game.redraw(first + k)
        V_N = V_S = game.full()
        S = np.ones(game.n_players, dtype=bool)
        marginal = np.full(game.n_players, np.nan)
        for o in orders[k][:steps]:
            drop = V_N - V_S
            if drop > eta * abs(V_N):
                break
            S[o] = False
            V_without = float(game.value(S[None])[0])
            marginal[o] = V_S - V_without
            V_S = V_without
        if spread and S.any():
            marginal[S] = (V_S - game.empty()) / S.sum()
        return marginal, V_N

    return walk
