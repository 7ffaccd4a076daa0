"""Shapley values by a named estimator.

    φ_o(V)    Shapley value of player o    -> `Estimate.phi` -> float64[n]

The paper's efficiency axiom reads Σ_o φ_o = V(N), which holds only where V(∅) = 0. Here, as Eq. 3
implies, Σ_o φ_o = V(N) - V(∅).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline import registry, seeds
from pipeline.errors import InputError
from pipeline.settings import Settings
from pipeline.shapley.game import Game, Processes, ValueFunction

DEFAULT = "regression_adjusted"


@dataclass(frozen=True)
class Estimate:
    """The answer of an estimator; arrays are in player order.

    Attributes:
        phi: float64[n], Shapley values in units of V; NaN where unknown.
        standard_error: float64[n], of `phi`; NaN where fewer than two samples are behind it.
        reached: int64[n], number of samples behind each value: marginal contributions, or for
            regressions coalitions; 0 where it is unknown, and where it is known without any.
        evaluations: number of coalitions evaluated; a gradient counts as three.
        value_full: V(N), the mean over draws.
        efficient: whether Σ_o φ_o = V(N) - V(∅) holds for these values (means over draws), and not
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
        """The same in a larger game, where this one's players have the numbers int64[n].

        The other players are null: their φ is zero.
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


@dataclass(frozen=True)
class Estimator:
    """A way to estimate Shapley values, and what can be set about it."""

    name: str  # as registered
    settings: type[Settings]  # the model of its options, each with its default
    # (game, generator of all that is drawn, budget, settings) -> `Estimate`. Further options, which
    # only a program can give (arrays over the players), are keyword-only arguments of it
    function: Callable[..., Estimate]

    @property
    def arrays(self) -> list[str]:
        """Names of the options that only a program can give."""
        parameters = inspect.signature(self.function).parameters.values()
        return [item.name for item in parameters if item.kind is item.KEYWORD_ONLY]

    @property
    def options(self) -> list[str]:
        """Names of all options."""
        return [*self.settings.model_fields, *self.arrays]

    def check(self, options: Mapping[str, Any]) -> Settings:
        """The settings that some options mean, defaults filled in.

        Raises:
            InputError: an option is unknown, of the wrong type, or out of range.
        """
        for name in options:
            if name not in self.settings.model_fields:
                known = ", ".join(self.options) or "none"
                raise InputError(
                    f"estimator {self.name}: unknown option {name!r}; what it takes: {known}"
                )
        try:
            return self.settings(**options)
        except ValidationError as error:
            first = error.errors()[0]
        option = ".".join(str(part) for part in first["loc"])
        raise InputError(f"estimator {self.name}: {option} is {first['input']!r}: {first['msg']}")

    def __call__(
        self, game: Game, rng: np.random.Generator, budget: int | None = None, **options: Any
    ) -> Estimate:
        """Play a game; arguments as `estimate`.

        Raises:
            InputError: an option is wrong, or the budget is too small.
        """
        arrays = {name: options.pop(name) for name in self.arrays if name in options}
        settings = self.check(options)
        try:
            return self.function(game, rng, budget, settings, **arrays)
        except InputError as error:
            raise InputError(f"estimator {self.name}: {error}") from None


def estimator(
    name: str, settings: type[Settings] = Settings
) -> Callable[[Callable[..., Estimate]], Estimator]:
    """Decorator that registers a function as the estimator `name`; see `Estimator`."""

    def enter(function: Callable[..., Estimate]) -> Estimator:
        return registry.register("estimators", name, settings)(Estimator(name, settings, function))

    return enter


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
        estimator: a registered name: exact, permutation, truncated, ...; the default comes nearest
            to long runs on supernets (docs/shapley.md).
        budget: the most coalitions to evaluate; None: as the estimator's options say. A coalition
            that comes up again is not evaluated again, so that fewer may be.
        seed: of all that is drawn.
        processes: the processes that run this same call and share the evaluations; None: this one
            alone.
        options: options of the estimator named, and no others.

    Raises:
        InputError: no such estimator or option, or the budget is too small for it.
    """
    # All estimators have the same stream: they see the same permutations and compare in pairs.
    rng = seeds.numpy_generator(seed, "permutations")
    chosen: Estimator = registry.get("estimators", estimator)
    return chosen(Game(game, n_players, processes), rng, budget, **options)


def option_names(estimator: str) -> list[str]:
    """Names of the options that an estimator takes.

    Raises:
        InputError: no such estimator.
    """
    chosen: Estimator = registry.get("estimators", estimator)
    return chosen.options


def require_budget(budget: int | None, least: int) -> None:
    """Check the budget, if there is one.

    Raises:
        InputError: it is below `least`.
    """
    if budget is not None and budget < least:
        raise InputError(f"budget is {budget}, at least {least}")


def average(
    samples: NDArray[np.float64],
    full_values: NDArray[np.float64],
    evaluations: int,
    block: int = 1,
    efficient: bool = False,
) -> Estimate:
    """Mean over samples and its standard error (Eq. 4, where they are marginal contributions).

    Args:
        samples: float64[m, n], NaN where a permutation did not reach a player.
        full_values: V(N) under each draw, float64[draws].
        evaluations: as in `Estimate`.
        block: number of consecutive samples that were drawn together; blocks are independent.
        efficient: as in `Estimate`.
    """
    reached = np.sum(~np.isnan(samples), axis=0)
    if block > 1:
        samples = samples.reshape(-1, block, samples.shape[1]).mean(axis=1)
    phi, standard_error = mean_and_error(samples)
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
