"""Shapley values by sampling permutations (paper, section 3.3, Eq. 4).

    φ_o(V) = 1/|N|! Σ_{R ∈ π(N)} [V(Pre_o(R) ∪ {o}) - V(Pre_o(R))]

    π(N)        all permutations of the players N
    Pre_o(R)    the players before o in R

The mean over M random permutations is an unbiased estimate. Players are removed from N, one by one.
The contributions along a whole permutation add up to V(N) - V(∅), and so do the φ_o.

`antithetic` evaluates each permutation and then its reverse, because the errors of the two partly
cancel (Mitchell et al., "Sampling permutations for Shapley value estimation", JMLR 2022).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.settings import PAPER, Settings, setting
from pipeline.shapley.estimation import Estimate, average, estimator
from pipeline.shapley.game import Game, within_budget

M = 10  # paper, section 4.1
PAIR = 2
# Repeated coalitions are free, so the budget alone does not limit the number of permutations. The
# limit is this multiple of `budget // n + 1`.
REPEATS = 8
MEANING = "M; none: all that the budget allows, else 10"


class PermutationSettings(Settings):
    """The number of permutations."""

    permutations: int | None = setting(None, MEANING, PAPER, ge=1)


class AntitheticSettings(Settings):
    """The number of permutations, which are walked in pairs."""

    permutations: int | None = setting(None, MEANING, PAPER, ge=PAIR)


@estimator("permutation", PermutationSettings)
def permutation(
    game: Game, rng: np.random.Generator, budget: int | None, settings: PermutationSettings
) -> Estimate:
    """Average the marginal contributions over whole permutations."""
    orders = draw_orders(game, rng, budget, settings.permutations)
    delta, V_N = walk(game, orders)
    return average(delta, V_N, game.evaluations, efficient=True)


@estimator("antithetic", AntitheticSettings)
def antithetic(
    game: Game, rng: np.random.Generator, budget: int | None, settings: AntitheticSettings
) -> Estimate:
    """Average over permutations and their reverses. Standard errors count a pair as one sample."""
    orders = draw_orders(game, rng, budget, settings.permutations, PAIR)
    delta, V_N = walk(game, orders)
    whole = len(delta) // PAIR * PAIR  # Ctrl-C may leave half a pair
    return average(delta[:whole], V_N, game.evaluations, PAIR, efficient=True)


def walk(
    game: Game, orders: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Marginal contributions along m permutations, each evaluated on a separate draw of images.

    Each of `orders`, int64[n], lists the players in the order of their removal. Returns the
    contributions, float64[m, n], and V(N) on each draw, float64[m].
    """
    values = game.play([who_is_left(order) for order in orders])
    delta = [(V[:-1] - V[1:])[np.argsort(order)] for V, order in zip(values, orders, strict=False)]
    return np.stack(delta), np.array([V[0] for V in values])


def who_is_left(order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Coalitions along a permutation, bool[n + 1, n]; row k is what remains after k removals."""
    left: NDArray[np.bool_] = np.argsort(order) >= np.arange(len(order) + 1)[:, None]
    return left


def draw_orders(
    game: Game,
    rng: np.random.Generator,
    budget: int | None,
    permutations: int | None,
    block: int = 1,
) -> list[NDArray[np.int64]]:
    """Draw random permutations; if `block` is 2, each is followed by its reverse.

    If `permutations` is None, as many are drawn as the budget allows, or `M` without a budget.

    Raises:
        InputError: the budget is too small for one block.
    """

    def endless() -> Iterator[NDArray[np.int64]]:
        while True:
            order = rng.permutation(game.n_players)
            yield from (order, order[::-1])[:block]

    if budget is None:
        count = max((permutations or M) // block, 1) * block
        return [*islice(endless(), count)]
    n = game.n_players
    least = block * (n + 1) if game.redraws else 2 + block * (n - 1)
    if budget < max(least, n + 1):
        raise InputError(
            f"budget is {budget}; a permutation of {n} players takes {n + 1} evaluations, and "
            f"{block} are drawn at a time"
        )
    orders: list[NDArray[np.int64]] = []

    def coalitions() -> Iterator[NDArray[np.bool_]]:
        for order in endless():
            orders.append(order)
            yield who_is_left(order)

    at_most = permutations or REPEATS * (budget // n + 1)
    fitting = len(within_budget(game, coalitions(), budget, at_most))
    return orders[: max(fitting // block, 1) * block]
