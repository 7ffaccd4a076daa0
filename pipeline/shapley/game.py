"""A cooperative game: players and a value function over coalitions (paper, section 3.2).

N    the players           -> `n_players`
S    a coalition, S ⊆ N    -> bool[n]: which players take part
V    the value function    -> `value`: bool[b, n] -> float64[b]

V may change between numbered *draws*, for example because images are redrawn. Each coalition is
evaluated once per draw; its value is then remembered. A game is *noisy* if V returns a different
value at each call.

Several processes that run the same estimator with the same seed share the evaluations in
`Game.draws`. The results are bitwise equal to those of one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

# bool[b, n] -> float[b]. `Game` lists the optional attributes.
ValueFunction = Callable[[NDArray[np.bool_]], Any]
Key = tuple[int, bytes]  # draw, members in packed bits

# One forward pass, and one backward pass, which counts as two.
GRADIENT_COST = 3


class Processes(Protocol):
    """Processes that run the same estimator, such as `Ranks`."""

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""

    @property
    def n(self) -> int:
        """Number of processes."""

    def exchange(self, value: Any) -> list[Any]:
        """The values of all processes, by rank."""


class Alone:
    """A single process."""

    rank, n = 0, 1

    def exchange(self, value: Any) -> list[Any]:
        """The value of this process."""
        return [value]


class Game:
    """Wraps a value function, counts its evaluations and remembers their values.

    Args:
        value_function: V, from bool[b, n] to float[b]. It may have

            redraw(m: int)    called before the first evaluation under draw m
            redraws: bool     whether `redraw` changes V; default: true if V has `redraw`
            gradient(bool[b, n]) -> float[b, n]    ∂V/∂z_o, where z_o = 1 if player o takes part
        n_players: |N|, at least one.
        processes: the processes that share the evaluations.
        noisy: whether V returns a different value at each call.
        batch_size: most coalitions per call of V; None: no limit.
        report: called with the number of evaluations after each call of V.
        keep_known: whether `play` returns the values of complete units after Ctrl-C.

    Attributes:
        redraws: whether V changes from draw to draw.
        noisy: as given, or as found by `notice_noise`.
        interrupted: whether Ctrl-C has ended `play` early.
    """

    def __init__(
        self,
        value_function: ValueFunction,
        n_players: int,
        processes: Processes | None = None,
        *,
        noisy: bool = False,
        batch_size: int | None = None,
        report: Callable[[int], None] | None = None,
        keep_known: bool = False,
    ):
        if n_players < 1:
            raise ValueError(f"a game needs at least one player, not {n_players}")
        self.n_players = n_players
        self.noisy = noisy
        redraws = getattr(value_function, "redraws", hasattr(value_function, "redraw"))
        self.redraws = noisy or bool(redraws)
        self.interrupted = False
        self._value_function = value_function
        self._processes = processes or Alone()
        self._batch_size, self._report, self._keep_known = batch_size, report, keep_known
        self._values: dict[Key, float] = {}
        self._gradients: dict[Key, NDArray[np.float64]] = {}
        self._fresh: dict[Key, Any] = {}  # evaluated here since the last exchange
        self._draw = self._drawn = -1  # the current draw, and the last one that V was told
        self._repeats = 0  # evaluations of `notice_noise`

    @property
    def evaluations(self) -> int:
        """Evaluated coalitions so far; a gradient counts as three."""
        return len(self._values) + GRADIENT_COST * len(self._gradients) + self._repeats

    @property
    def differentiable(self) -> bool:
        """Whether V has a gradient."""
        return hasattr(self._value_function, "gradient")

    def value(self, coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        """V of coalitions, bool[b, n] -> float64[b], under the current draw.

        Raises:
            ValueError: V does not return one finite number per coalition.
        """
        answers = self._look_up(coalitions, self._values, self._value_function, ())
        return np.array(answers, dtype=np.float64)

    def gradient(self, coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        """∂V/∂z at coalitions z, bool[b, n] -> float64[b, n]; z_o = 1 if player o takes part."""
        function = self._value_function.gradient  # type: ignore[attr-defined]
        answers = self._look_up(coalitions, self._gradients, function, (self.n_players,))
        return np.array(answers, dtype=np.float64).reshape(-1, self.n_players)

    def full(self) -> float:
        """V(N)."""
        return float(self.value(np.ones((1, self.n_players), dtype=bool))[0])

    def empty(self) -> float:
        """V(∅)."""
        return float(self.value(np.zeros((1, self.n_players), dtype=bool))[0])

    def redraw(self, number: int) -> None:
        """Begin draw `number`; the next evaluation first calls `redraw` of the value function."""
        if self.redraws:
            self._draw = number

    def notice_noise(self) -> None:
        """Evaluate V(N) twice; set `noisy` if the values differ by more than rounding errors."""
        first = self.full()
        again = np.asarray(self._value_function(np.ones((1, self.n_players), dtype=bool)))
        self._repeats += 1
        self.noisy = not np.allclose(again, first, rtol=1e-5, atol=1e-12)
        self.redraws = self.redraws or self.noisy

    def play(self, units: Sequence[NDArray[np.bool_]]) -> list[NDArray[np.float64]]:
        """V of the coalitions of each unit, bool[b, n] -> float64[b]; each unit uses a new draw.

        A unit is, for example, the coalitions along one permutation. With `keep_known` and a single
        process, Ctrl-C makes `play` return the values of complete units if there are at least two.
        """
        values: dict[int, NDArray[np.float64]] = {}
        try:
            if self._batch_size and not self.redraws and self._processes.n == 1:
                self.value(np.concatenate(units))  # in batches; the loop below only looks up
            for m in self.draws(range(len(units))):
                values[m] = self.value(units[m])
        except KeyboardInterrupt:
            if not self.redraws:
                values = {
                    m: self.value(unit) for m, unit in enumerate(takewhile(self._knows, units))
                }
            if not self._keep_known or self._processes.n > 1 or len(values) < 2:
                raise
            self.interrupted = True
        return [values[m] for m in sorted(values)]

    def _knows(self, unit: NDArray[np.bool_]) -> bool:
        """Whether each coalition has been evaluated under the current draw."""
        return all((self._draw, key) in self._values for key in keys_of(unit))

    def draws(self, numbers: Iterable[int]) -> Iterator[int]:
        """For each number in turn, begin its draw and yield the number.

        Each of several processes first loops over its share of the numbers. After an exchange of
        values, it loops over all numbers without evaluating anything. The body of the loop thus
        runs twice for some numbers. It must depend only on the number and the game's values, store
        its result under the number, and not leave the loop early.
        """
        numbers = list(numbers)
        if self._processes.n > 1:
            for number in numbers[self._processes.rank :: self._processes.n]:
                self.redraw(number)
                yield number
            self._exchange()
        for number in numbers:
            self.redraw(number)
            yield number

    def _exchange(self) -> None:
        for entries in self._processes.exchange(self._fresh):
            for key, entry in entries.items():
                known: dict[Key, Any] = self._gradients if np.ndim(entry) else self._values
                known.setdefault(key, entry)
        self._fresh = {}

    def _look_up(
        self,
        coalitions: NDArray[np.bool_],
        known: dict[Key, Any],
        function: Callable[[NDArray[np.bool_]], Any],
        shape: tuple[int, ...],
    ) -> list[Any]:
        """The value of each coalition; `function` evaluates unknown ones."""
        keys = [(self._draw, key) for key in keys_of(coalitions)]
        missing = {key: row for row, key in enumerate(keys) if key not in known}
        rows = [*missing.values()]
        size = self._batch_size or max(len(rows), 1)
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            answers = self._ask(function, coalitions[batch], shape)
            entries = dict(zip([keys[row] for row in batch], answers, strict=True))
            known.update(entries)
            self._fresh.update(entries)
            if self._report:
                self._report(self.evaluations)
        return [known[key] for key in keys]

    def _ask(
        self,
        function: Callable[[NDArray[np.bool_]], Any],
        coalitions: NDArray[np.bool_],
        shape: tuple[int, ...],
    ) -> list[Any]:
        """Call `function` with bool[b, n], after `redraw` if the draw has changed."""
        if self._drawn != self._draw:
            if hasattr(self._value_function, "redraw"):
                self._value_function.redraw(self._draw)
            self._drawn = self._draw
        answers = np.asarray(function(coalitions), dtype=np.float64)
        if answers.shape != (len(coalitions), *shape):
            raise ValueError(f"V of {len(coalitions)} coalitions has the shape {answers.shape}")
        if not np.isfinite(answers).all():
            raise ValueError("V of a coalition is not a finite number")
        return [*answers] if shape else answers.tolist()


def keys_of(coalitions: NDArray[np.bool_]) -> list[bytes]:
    """The members of each coalition (row of bool[b, n]) in packed bits."""
    return [row.tobytes() for row in np.packbits(coalitions, axis=1)]


def within_budget(
    game: Game, units: Iterator[NDArray[np.bool_]], budget: int, at_most: int
) -> list[NDArray[np.bool_]]:
    """Take `units` in order until the budget is used up: at least one, and at most `at_most`.

    If V changes between draws, each coalition costs one evaluation. Otherwise, repeated coalitions
    cost nothing, and V(N) and V(∅) are always counted. So a small game may never use up the budget.
    """
    n = game.n_players
    ends = np.repeat([[False], [True]], n, axis=1)
    known = set(keys_of(ends))
    spent = 0
    fitting: list[NDArray[np.bool_]] = []
    for unit in units:
        if game.redraws:
            spent += len(unit)
        else:
            known.update(keys_of(unit))
            spent = len(known)
        if fitting and spent > budget:
            break
        fitting.append(unit)
        if len(fitting) >= at_most:
            break
    return fitting
