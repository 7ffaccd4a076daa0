"""A cooperative game: players and a value function over coalitions (paper, section 3.2).

N    the players           -> `n_players`
S    a coalition, S ⊆ N    -> bool[n]: which players take part
V    the value function    -> `value`: bool[b, n] -> float64[b]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

# bool[b, n] -> float[b]. It may have a method `redraw(m: int)`, see `Game.redraw`.
ValueFunction = Callable[[NDArray[np.bool_]], Any]


class Game:
    """A value function that counts its evaluations.

    Args:
        value_function: V, from bool[b, n] to float[b].
        n_players: |N|, at least one.

    Attributes:
        n_players: |N|.
        evaluations: coalitions evaluated so far.
        redraws: whether V changes from permutation to permutation.
    """

    def __init__(self, value_function: ValueFunction, n_players: int):
        if n_players < 1:
            raise ValueError(f"a game needs at least one player, not {n_players}")
        self.n_players = n_players
        self.evaluations = 0
        self.redraws = hasattr(value_function, "redraw")
        self._value_function = value_function
        self._ends: dict[bool, float] = {}

    def value(self, coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        """V of each coalition, bool[b, n] -> float64[b].

        Raises:
            ValueError: V answers with another shape, or with a number that is not finite: an
                estimator would take NaN for "unknown".
        """
        self.evaluations += len(coalitions)
        values = np.asarray(self._value_function(coalitions), dtype=np.float64)
        if values.shape != (len(coalitions),):
            raise ValueError(f"V of {len(coalitions)} coalitions has the shape {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError("V of a coalition is not a finite number")
        return values

    def redraw(self, permutation: int) -> None:
        """Tell a value function that wants to know: permutation number m begins.

        The supernet's accuracy is measured on images drawn anew for each permutation, and the
        same for all coalitions of one, so that their differences are paired.
        """
        if self.redraws:
            self._value_function.redraw(permutation)  # type: ignore[attr-defined]
            self._ends.clear()

    def full(self) -> float:
        """V(N), evaluated once a draw."""
        return self._end(True)

    def empty(self) -> float:
        """V(∅), evaluated once a draw."""
        return self._end(False)

    def _end(self, member: bool) -> float:
        if member not in self._ends:
            self._ends[member] = float(self.value(np.full((1, self.n_players), member))[0])
        return self._ends[member]
