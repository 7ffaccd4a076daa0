"""Shapley values by a named estimator.

    φ_o(V)    Shapley value of player o    -> `Estimate.phi`, float64[n]

The paper states efficiency as Σ_o φ_o = V(N), which is true only if V(∅) = 0. We use
Σ_o φ_o = V(N) - V(∅), which follows from the paper's Eq. 3.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline import registry, seeds
from pipeline.errors import InputError
from pipeline.settings import Settings
from pipeline.shapley.answer import Estimate
from pipeline.shapley.game import Game, Processes, ValueFunction

DEFAULT = "regression_adjusted"
# With fewer evaluations per player than this, `leverage` is more accurate (docs/shapley.md).
FEW = 10
LARGEST = 20  # most players that `exact` enumerates: 2^20 coalitions

Seed = int | np.integer[Any] | np.random.Generator | None


@dataclass(frozen=True)
class Estimator:
    """A way to estimate Shapley values, and its options."""

    name: str
    settings: type[Settings]  # the model of its options
    # (game, generator of all draws, budget, settings) -> `Estimate`. Options that are arrays over
    # players are keyword-only arguments.
    function: Callable[..., Estimate]

    @property
    def arrays(self) -> list[str]:
        """Names of the options that are arrays over players."""
        parameters = inspect.signature(self.function).parameters.values()
        return [item.name for item in parameters if item.kind is item.KEYWORD_ONLY]

    @property
    def options(self) -> list[str]:
        """Names of all options."""
        return [*self.settings.model_fields, *self.arrays]

    def check(self, options: Mapping[str, Any]) -> Settings:
        """Validate the options and add defaults.

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
        """Estimate the Shapley values of a game; arguments as in `estimate`.

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
    """Decorator that registers an `Estimator.function` as the estimator `name`."""

    def enter(function: Callable[..., Estimate]) -> Estimator:
        return registry.register("estimators", name, settings)(Estimator(name, settings, function))

    return enter


def estimate(
    game: ValueFunction,
    players: int | Sequence[str],
    estimator: str | None = None,
    budget: int | None = None,
    seed: Seed = 0,
    processes: Processes | None = None,
    *,
    noisy: bool | None = None,
    batch_size: int | None = None,
    progress: bool | Callable[[int], None] = False,
    keep_known: bool = True,
    **options: Any,
) -> Estimate:
    """Estimate the Shapley value of every player.

    Args:
        game: V, from coalitions bool[b, n] to values float[b]. Its method `redraw(m: int)`, if any,
            is called before permutation m = 0, 1, ... and may change V, e.g. draw other images.
        players: n, or the names of the n players.
        estimator: a registered name; None: `suited` chooses one.
        budget: most evaluations (repeated coalitions count once); None: set by the options.
        seed: a number, a generator, or None for a random seed.
        processes: the processes that share the evaluations; None: only this one.
        noisy: whether V returns a different value at each call. If so, coalitions are evaluated
            again for each permutation. None: V(N) is evaluated twice to find out.
        batch_size: coalitions per call of V; None: all coalitions of a permutation.
        progress: True for a progress bar, or a function called with the number of evaluations.
        keep_known: whether Ctrl-C returns the estimate so far, marked `interrupted`. The
            estimators `truncated`, `released_code` and `gradient` always raise KeyboardInterrupt.
        options: options of the estimator.

    Raises:
        InputError: an unknown estimator or option, too small a budget, or an invalid seed.
    """
    n, names = named(players)
    with bar(budget, progress) as report:
        how: dict[str, Any] = {"batch_size": batch_size, "report": report, "keep_known": keep_known}
        played = Game(game, n, processes, noisy=bool(noisy), **how)
        chosen: Estimator = registry.get("estimators", estimator or suited(n, budget))
        if noisy is None and processes is None:
            budget = _look_for_noise(played, game, chosen.name, budget)
        answer = chosen(played, generator(seed), budget, **options)
    return replace(
        answer,
        players=names,
        interrupted=played.interrupted,
        noisy=played.noisy,
        evaluations=played.evaluations,
    )


def _look_for_noise(played: Game, game: ValueFunction, name: str, budget: int | None) -> int | None:
    """Evaluate V(N) twice to detect noise, unless V declares its draws; return the budget left."""
    n = played.n_players
    least = 2**n if name == "exact" else 2 * n + 4
    declared = hasattr(game, "redraws") or hasattr(game, "redraw")
    if declared or (budget is not None and budget <= least):
        return budget
    played.notice_noise()
    return budget and budget - (2 if played.noisy else 1)


def named(players: int | Sequence[str]) -> tuple[int, tuple[str, ...] | None]:
    """The number of players, and their names if they have any.

    Raises:
        InputError: a name occurs twice.
    """
    if isinstance(players, int | np.integer):
        return int(players), None
    names = tuple(map(str, players))
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"players: {name!r} stands twice")
    return len(names), names


def suited(n: int, budget: int | None) -> str:
    """The name of the estimator that suits n players and a budget.

    `exact` if n is at most 20 and the budget allows all 2^n coalitions; else `leverage` with fewer
    than 10 evaluations per player; else `regression_adjusted`.
    """
    if budget is not None and n <= exact_up_to(budget):
        return "exact"
    return "leverage" if budget is not None and budget < FEW * n else DEFAULT


def exact_up_to(budget: int) -> int:
    """The largest number of players for which `exact` is possible."""
    return min(budget.bit_length() - 1, LARGEST)


def generator(seed: Seed) -> np.random.Generator:
    """The NumPy generator for a seed.

    With the same integer, `permutation` and `truncated` draw the same permutations.

    Raises:
        InputError: the seed is not an integer, a generator or None.
    """
    if seed is None or isinstance(seed, np.random.Generator):
        return np.random.default_rng(seed)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise InputError(f"seed is {seed!r}; give a whole number, a NumPy Generator or None")
    return seeds.numpy_generator(int(seed), "permutations")


@contextmanager
def bar(
    budget: int | None, progress: bool | Callable[[int], None]
) -> Iterator[Callable[[int], None] | None]:
    """Yield a function that shows the number of evaluations, or None if nothing is shown."""
    if not isinstance(progress, bool):
        yield progress
    elif not progress:
        yield None
    else:
        from rich import console  # imported here, because most callers want no bar
        from rich import progress as bars

        with bars.Progress(console=console.Console(stderr=True)) as shown:
            task = shown.add_task("Evaluations", total=budget)
            yield lambda evaluations: shown.update(task, completed=evaluations)


def option_names(estimator: str) -> list[str]:
    """Names of an estimator's options.

    Raises:
        InputError: there is no such estimator.
    """
    chosen: Estimator = registry.get("estimators", estimator)
    return chosen.options


def require_budget(budget: int | None, least: int) -> None:
    """Check a budget.

    Raises:
        InputError: there is a budget, and it is below `least`.
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
    """Mean of samples and its standard error (Eq. 4 if the samples are marginal contributions).

    Args:
        samples: float64[m, n]; NaN where a sample has no value for a player.
        full_values: float64[draws], V(N) under each draw of V.
        evaluations: as in `Estimate`.
        block: number of consecutive samples that depend on each other, e.g. two if each permutation
            is followed by its reverse.
        efficient: as in `Estimate`.
    """
    reached = np.sum(~np.isnan(samples), axis=0)
    if block > 1:
        samples = samples.reshape(-1, block, samples.shape[1]).mean(axis=1)
    phi, standard_error = mean_and_error(samples)
    return Estimate(
        phi,
        standard_error,
        reached,
        evaluations,
        float(np.mean(full_values)),
        efficient,
        freedom=np.maximum(np.sum(~np.isnan(samples), axis=0) - 1, 0),
    )


def mean_and_error(
    samples: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean [n] and standard error [n] of samples [m, n]; NaN entries are ignored."""
    n = np.sum(~np.isnan(samples), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 = NaN: unknown
        mean = np.nansum(samples, axis=0) / n
        variance = np.nansum((samples - mean) ** 2, axis=0) / (n - 1)
        return mean, np.where(n > 1, np.sqrt(variance / n), np.nan)
