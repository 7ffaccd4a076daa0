"""A cooperative game: players and a value function over coalitions (paper, section 3.2).

N    the players           -> `n_players`
S    a coalition, S ⊆ N    -> bool[n]: which players take part
V    the value function    -> `value`: bool[b, n] -> float64[b]

A coalition's value under one draw is evaluated once, whoever asks for it how often, and counts
once. Several processes that run the same estimator with the same seed share the evaluations, see
`each`; because they share what is known and not what is summed, the numbers are those of one
process, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

# bool[b, n] -> float[b]. What else it may have, `Game` says.
ValueFunction = Callable[[NDArray[np.bool_]], Any]
Item = TypeVar("Item")
Result = TypeVar("Result")
Key = tuple[int, bytes]  # draw, members in packed bits

# A backward pass costs two forward passes, and it needs one before it.
GRADIENT_COST = 3


class Processes(Protocol):
    """Processes that run the same estimator; `pipeline.training.processes` has those of torch."""

    rank: int
    size: int

    def exchange(self, entries: dict[Key, Any]) -> list[dict[Key, Any]]:
        """The entries of all processes, by rank."""


class Alone:
    """One process."""

    rank, size = 0, 1

    def exchange(self, entries: dict[Key, Any]) -> list[dict[Key, Any]]:
        """Its own entries."""
        return [entries]


class Game:
    """A value function that counts its evaluations and repeats none.

    Args:
        value_function: V, from bool[b, n] to float[b]. It may have

            redraw(m: int)    called before the first evaluation under draw m; V may change
            redraws: bool     whether `redraw` changes anything; else it does if it is there
            gradient(bool[b, n]) -> float[b, n]    ∂V/∂z_o, z_o being how present player o is
        n_players: |N|, at least one.
        processes: that share the evaluations.

    Attributes:
        n_players: |N|.
        redraws: whether V changes from permutation to permutation.
    """

    def __init__(
        self,
        value_function: ValueFunction,
        n_players: int,
        processes: Processes | None = None,
    ):
        if n_players < 1:
            raise ValueError(f"a game needs at least one player, not {n_players}")
        self.n_players = n_players
        self.redraws = bool(getattr(value_function, "redraws", hasattr(value_function, "redraw")))
        self._value_function = value_function
        self._processes = processes or Alone()
        self._values: dict[Key, float] = {}
        self._gradients: dict[Key, NDArray[np.float64]] = {}
        self._fresh: dict[Key, Any] = {}  # evaluated here since the last exchange
        self._draw = self._drawn = -1  # asked for, told to V

    @property
    def evaluations(self) -> int:
        """Coalitions evaluated so far; a gradient counts as three."""
        return len(self._values) + GRADIENT_COST * len(self._gradients)

    @property
    def differentiable(self) -> bool:
        """Whether V has a gradient."""
        return hasattr(self._value_function, "gradient")

    def value(self, coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        """V of each coalition, bool[b, n] -> float64[b], under the present draw.

        Raises:
            ValueError: V answers with another shape, or with a number that is not finite: an
                estimator would take NaN for "unknown".
        """
        answers = self._look_up(coalitions, self._values, self._value_function, ())
        return np.array(answers, dtype=np.float64)

    def gradient(self, coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        """∂V/∂z at each coalition, bool[b, n] -> float64[b, n], z being its indicator vector."""
        function = self._value_function.gradient  # type: ignore[attr-defined]
        answers = self._look_up(coalitions, self._gradients, function, (self.n_players,))
        return np.array(answers, dtype=np.float64).reshape(-1, self.n_players)

    def redraw(self, permutation: int) -> None:
        """Permutation number m begins; a value function that wants to know is told.

        The supernet's accuracy is measured on images drawn anew for each permutation, and the
        same for all coalitions of one, so that their differences are paired.
        """
        if self.redraws:
            self._draw = permutation

    def full(self) -> float:
        """V(N)."""
        return self._end(True)

    def empty(self) -> float:
        """V(∅)."""
        return self._end(False)

    def each(self, walk: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """`walk(item)` for every item; several processes share the evaluations it takes.

        Each process walks its own items, all tell each other the values they found, and then each
        walks every item without a further evaluation. So `walk` must depend on nothing but its
        item and the game's values.
        """
        items = list(items)
        if self._processes.size > 1:
            for item in items[self._processes.rank :: self._processes.size]:
                walk(item)
            for entries in self._processes.exchange(self._fresh):
                for key, entry in entries.items():
                    known: dict[Key, Any] = self._gradients if np.ndim(entry) else self._values
                    known.setdefault(key, entry)
            self._fresh = {}
        return [walk(item) for item in items]

    def _end(self, member: bool) -> float:
        return float(self.value(np.full((1, self.n_players), member))[0])

    def _look_up(
        self,
        coalitions: NDArray[np.bool_],
        known: dict[Key, Any],
        function: Callable[[NDArray[np.bool_]], Any],
        shape: tuple[int, ...],
    ) -> list[Any]:
        """What is known of each coalition, after `function` has been asked for the rest."""
        keys = [(self._draw, row.tobytes()) for row in np.packbits(coalitions, axis=1)]
        missing = {key: row for row, key in enumerate(keys) if key not in known}
        if missing:
            if self._drawn != self._draw:
                self._value_function.redraw(self._draw)  # type: ignore[attr-defined]
                self._drawn = self._draw
            rows = [*missing.values()]
            answers = np.asarray(function(coalitions[rows]), dtype=np.float64)
            if answers.shape != (len(rows), *shape):
                raise ValueError(f"V of {len(rows)} coalitions has the shape {answers.shape}")
            if not np.isfinite(answers).all():
                raise ValueError("V of a coalition is not a finite number")
            found = dict(zip(missing, answers if shape else answers.tolist(), strict=True))
            known.update(found)
            self._fresh.update(found)
        return [known[key] for key in keys]
