"""A value function that several estimators ask, of which each value is evaluated once.

Estimators of one seed walk the same permutations on the same images, as far as they walk any; the
study compares them, and need not pay for each alone. What a value took is remembered beside it, so
that each estimate is told the time that it would have taken by itself.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.shapley.game import Key
from pipeline.strategies.value_function import ValueFunction


@dataclass
class Clock:
    """Seconds of one estimate, of its values as they were when they were evaluated."""

    seconds: float = 0.0


class Remembering(ValueFunction):
    """Arguments as `ValueFunction`; the estimators that ask have its images and its value."""

    def __init__(self, *arguments: Any) -> None:
        self._known: dict[Key, tuple[float, float]] = {}
        self._asked = self._drawn = -1
        self._clock = Clock()
        super().__init__(*arguments)

    @contextlib.contextmanager
    def alone(self) -> Iterator[Clock]:
        """The time of one estimate, made inside."""
        self._clock = clock = Clock()
        started = time.perf_counter()
        yield clock
        clock.seconds += time.perf_counter() - started

    def redraw(self, permutation: int) -> None:
        """Images are drawn only for what is not known."""
        self._asked = permutation

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        """V of each coalition of `players`."""
        keys = [(self._asked, row.tobytes()) for row in np.packbits(coalitions, axis=1)]
        known = [key in self._known for key in keys]
        if not all(known):
            self._evaluate(keys, coalitions, ~np.array(known))
        values, seconds = np.array([self._known[key] for key in keys]).T
        self._clock.seconds += float(seconds[known].sum())
        return values

    def _evaluate(self, keys: list[Key], coalitions: np.ndarray, new: np.ndarray) -> None:
        started = time.perf_counter()
        self._draw_asked()
        values = super().__call__(coalitions[new])
        each = (time.perf_counter() - started) / len(values)
        fresh = (key for key, is_new in zip(keys, new, strict=True) if is_new)
        self._known |= {key: (value, each) for key, value in zip(fresh, values, strict=True)}

    def _gradient(self, coalitions: np.ndarray) -> np.ndarray:
        self._draw_asked()
        return super()._gradient(coalitions)

    def _draw_asked(self) -> None:
        if self._drawn != self._asked:
            super().redraw(self._asked)
            self._drawn = self._asked
