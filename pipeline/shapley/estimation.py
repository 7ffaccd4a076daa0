"""Shapley values by a named estimator.

    φ_o(V)    Shapley value of player o    -> `Estimate.phi` -> float64[n]

The paper's efficiency axiom reads Σ_o φ_o = V(N); it holds so only where V(∅) = 0. Here, as
Eq. 3 implies, Σ_o φ_o = V(N) - V(∅).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import registry, seeds
from pipeline.errors import InputError
from pipeline.shapley.game import Game, Processes, ValueFunction

DEFAULT = "regression_adjusted"


@dataclass(frozen=True)
class Estimate:
    """What an estimator found; arrays are in player order.

    Attributes:
        phi: float64[n], Shapley values in units of V; NaN where unknown.
        standard_error: float64[n], of `phi`; NaN where fewer than two samples are behind it.
        reached: int64[n], samples behind each value: marginal contributions, or for regressions
            coalitions; 0 where it is unknown, and where it is known without any.
        evaluations: coalitions evaluated; a gradient counts as three.
        value_full: V(N), the mean over draws.
        efficient: whether Σ_o φ_o = V(N) - V(∅) holds for these values (means over draws), not
            only in expectation.
    """

    phi: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    reached: NDArray[np.int64]
    evaluations: int
    value_full: float
    efficient: bool = False

    @classmethod
    def unknown(cls, n_players: int) -> Estimate:
        """Nothing has been evaluated."""
        nothing = np.full(n_players, np.nan)
        return cls(nothing, nothing, np.zeros(n_players, dtype=np.int64), 0, np.nan)

    def among(self, players: NDArray[np.int64], n_players: int) -> Estimate:
        """The same in a larger game whose other players are null: their φ is zero.

        Args:
            players: int64[n], the players of this game by their numbers in the larger one.
            n_players: players of the larger game.
        """

        def scatter(values: NDArray[Any]) -> NDArray[Any]:
            larger = np.zeros(n_players, dtype=values.dtype)
            larger[players] = values
            return larger

        return replace(
            self,
            phi=scatter(self.phi),
            standard_error=scatter(self.standard_error),
            reached=scatter(self.reached),
        )


def estimate(
    game: ValueFunction,
    n_players: int,
    estimator: str = DEFAULT,
    budget: int | None = None,
    seed: int = 0,
    processes: Processes | None = None,
    **options: Any,
) -> Estimate:
    """Estimate the Shapley value of every player.

    Args:
        game: V, from coalitions bool[b, n] to values float[b]. If it has a method
            `redraw(m: int)`, that is called before permutation m = 0, 1, ... and V may change.
        n_players: n.
        estimator: a registered name: exact, permutation, truncated, ...; by default the one that
            comes nearest to long runs on supernets (docs/shapley.md).
        budget: the most coalitions to evaluate; None: as the estimator's options say. One that
            comes up again is not evaluated again, so that fewer may be.
        seed: of all that is drawn.
        processes: that run this same call and share the evaluations; None: this one alone.
        options: the estimator's own, see its function.

    Raises:
        InputError: no such estimator or option, or the budget is too small for it.
    """
    for option in options:
        known = option_names(estimator)
        if option not in known:
            raise InputError(
                f"estimator {estimator}: unknown option {option!r}; "
                + (registry.nearest(option, known) if known else "it has none")
            )
    # One stream for all estimators: they see the same permutations and are compared in pairs.
    rng = seeds.numpy_generator(seed, "permutations")
    return registry.get("estimators", estimator)(
        Game(game, n_players, processes), rng, budget, **options
    )


def option_names(estimator: str) -> list[str]:
    """Options that an estimator takes: its keyword-only arguments.

    Raises:
        InputError: no such estimator.
    """
    parameters = inspect.signature(registry.get("estimators", estimator)).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def at_least(least: float, estimator: str, **options: float | None) -> None:
    """Check options of an estimator that have a lower bound; None is not checked.

    Raises:
        InputError: one is below.
    """
    for name, value in options.items():
        if value is not None and value < least:
            raise InputError(f"estimator {estimator}: {name} is {value}, at least {least}")


def average(
    samples: Sequence[NDArray[np.float64]] | NDArray[np.float64],
    full_values: Sequence[float],
    evaluations: int,
    block: int = 1,
    efficient: bool = False,
) -> Estimate:
    """Mean over samples and its standard error (Eq. 4, where they are marginal contributions).

    Args:
        samples: float64[n] a permutation, NaN where the permutation did not reach a player.
        full_values: V(N) of each draw.
        evaluations: as in `Estimate`.
        block: so many consecutive samples were drawn together; blocks are independent.
        efficient: as in `Estimate`.
    """
    stacked = np.stack([*samples])
    reached = np.sum(~np.isnan(stacked), axis=0)
    if block > 1:
        stacked = stacked.reshape(-1, block, stacked.shape[1]).mean(axis=1)
    phi, standard_error = mean_and_error(stacked)
    return Estimate(
        phi, standard_error, reached, evaluations, float(np.mean(full_values)), efficient
    )


def mean_and_error(
    samples: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean [n] of samples [m, n] over those that are not NaN, and its standard error [n]."""
    n = np.sum(~np.isnan(samples), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 = NaN: unknown
        mean = np.nansum(samples, axis=0) / n
        variance = np.nansum((samples - mean) ** 2, axis=0) / (n - 1)
        return mean, np.where(n > 1, np.sqrt(variance / n), np.nan)
