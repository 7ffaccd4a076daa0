"""Shapley values by permutations with early truncation (paper, section 3.3).

Players are removed from the full set N in the order of a permutation, until the value of the
coalition S that remains has dropped by more than a fraction η:

    (V(N) - V(S)) / V(N) > η

The paper leaves these points open. Our choices are:
- We test V(N) - V(S) > η |V(N)|, so that V(N) may also be zero or negative.
- A player counts as reached even if its removal ends the permutation. Otherwise the contributions
  of the most important players would be lost.
- φ of a player is its mean contribution in the permutations that reached it, and NaN if none did.
- With `unreached: spread`, the players left in S when a permutation ends get equal shares of
  V(S) - V(∅). Then Σ_o φ_o = V(N) - V(∅) is exact, but V(∅) must be evaluated too.
- A permutation after the first begins only if the remaining budget suffices for all its players.

Mostly large coalitions are evaluated, so φ is biased. The paper intends this, because it regards
the values of small coalitions as noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.settings import OURS, PAPER, setting
from pipeline.shapley.estimation import Estimate, average, estimator, require_budget
from pipeline.shapley.game import Game
from pipeline.shapley.permutation import M, PermutationSettings

Order = NDArray[np.int64]


class TruncationSettings(PermutationSettings):
    """When a permutation is cut off."""

    eta: float = setting(0.5, "η, the relative drop of V that ends a permutation", PAPER, ge=0)


class TruncatedSettings(TruncationSettings):
    """When a permutation is cut off, and how its unreached players are counted."""

    unreached: Literal["mean", "spread"] = setting(
        "mean",
        "unreached players: `mean` leaves them out, `spread` shares the rest equally among them",
        OURS,
    )


@estimator("truncated", TruncatedSettings)
def truncated(
    game: Game, rng: np.random.Generator, budget: int | None, settings: TruncatedSettings
) -> Estimate:
    """Average the marginal contributions that truncated permutations reach."""
    spread = settings.unreached == "spread"
    walks = walk_truncated(
        game, Permutations(game, rng, budget, settings.permutations), settings, spread
    )
    delta, V_N = walks.delta, walks.full_values
    return average(delta, V_N, game.evaluations, efficient=spread)


def walk_truncated(
    game: Game, walks: Permutations, settings: TruncationSettings, spread: bool = False
) -> Permutations:
    """Remove players in the order of each permutation until V has dropped by more than η.

    If `spread` is true, the remaining players S share V(S) - V(∅) equally.
    """
    for order, delta in walks:
        V_N = V_S = game.full()
        S = np.ones(game.n_players, dtype=bool)
        for o in order[: walks.longest - spread]:
            drop = V_N - V_S
            if drop > settings.eta * abs(V_N):
                break
            S[o] = False
            V_without = float(game.value(S[None])[0])
            delta[o] = V_S - V_without
            V_S = V_without
        if spread and S.any():
            delta[S] = (V_S - game.empty()) / S.sum()
    return walks


class Permutations:
    """Random permutations and the marginal contributions along them, within a budget.

    Iteration begins a new draw of V for each permutation and yields a pair (order, delta). `order`,
    int64, lists the players to remove. `delta`, float64[n], is filled with NaN; the body of the
    loop writes the marginal contributions into it. Processes share the pairs (see `Game.draws`).

    `budget` is the largest number of evaluations. If `permutations` is None, their number is what
    the budget allows, or ten without a budget. `shorten` maps a permutation to the players to
    remove.

    Raises:
        InputError: the budget is too small to reach any player.
    """

    def __init__(
        self,
        game: Game,
        rng: np.random.Generator,
        budget: int | None,
        permutations: int | None,
        shorten: Callable[[Order], Order] = lambda order: order,
    ):
        require_budget(budget, 2)
        # Known coalitions cost nothing, so the budget also bounds M.
        self._most = permutations or budget or M
        self._game, self._rng, self._budget, self._shorten = game, rng, budget, shorten
        self._rows: list[NDArray[np.float64]] = []
        # Largest number of removals in a permutation.
        self.longest = game.n_players if budget is None else budget - 1

    def __iter__(self) -> Iterator[tuple[Order, NDArray[np.float64]]]:
        n = self._game.n_players
        while count := self._fitting():
            first = len(self._rows)
            orders = [self._shorten(self._rng.permutation(n)) for _ in range(count)]
            self._rows += [np.full(n, np.nan) for _ in orders]
            for m in self._game.draws(range(first, first + count)):
                yield orders[m - first], self._rows[m]

    def _fitting(self) -> int:
        """How many more permutations fit in the budget if none of them is truncated."""
        done = len(self._rows)
        if self._budget is None:
            return self._most - done
        # V(N) is evaluated once for each draw, or once in total if V stays the same.
        whole = self._game.n_players + (self._game.redraws or not done)
        fitting = min((self._budget - self._game.evaluations) // whole, self._most - done)
        return fitting if done else max(fitting, 1)

    @property
    def delta(self) -> NDArray[np.float64]:
        """Marginal contributions, float64[m, n]; NaN if a permutation did not reach a player."""
        return np.stack(self._rows)

    @property
    def full_values(self) -> NDArray[np.float64]:
        """V(N) under each draw, float64[m]."""
        values = np.empty(len(self._rows))
        for m in range(len(values)):
            self._game.redraw(m)
            values[m] = self._game.full()
        return values
