"""A value function that several estimators share and that evaluates each coalition once.

Each estimate still reports the time that it would take if it were computed alone.
"""
# Tested in tests/studies/test_studies.py.

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from pipeline.shapley.game import Key
from pipeline.strategies.value_function import ValueFunction

# Processor time on a CPU, because machines are shared; wall time if there is a GPU.
clock = time.perf_counter if torch.cuda.is_available() else time.process_time


class Remembering(ValueFunction):
    """A `ValueFunction` shared by estimators with the same settings `value_images` and `value`.

    Attributes:
        seconds_saved: seconds that computing the reused values again would have taken.
    """

    def __init__(self, *arguments: Any) -> None:
        self._known: dict[Key, tuple[float, float]] = {}
        self._asked = self._drawn = -1
        self.seconds_saved = 0.0
        super().__init__(*arguments)

    def redraw(self, permutation: int) -> None:
        """Set the current permutation; images are drawn only when a value must be computed."""
        self._asked = permutation

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        """V of each coalition of `players`, bool[b, n] -> float64[b]."""
        return np.array([self._recall(S) for S in coalitions])

    def _recall(self, S: np.ndarray) -> float:
        key = self._asked, np.packbits(S).tobytes()
        if key in self._known:
            value, seconds = self._known[key]
            self.seconds_saved += seconds
            return value
        started = clock()
        self._draw_asked()
        value = float(super().__call__(S[None])[0])
        self._known[key] = value, clock() - started
        return value

    def _gradient(self, coalitions: np.ndarray) -> np.ndarray:
        self._draw_asked()
        return super()._gradient(coalitions)

    def _draw_asked(self) -> None:
        if self._drawn != self._asked:
            super().redraw(self._asked)
            self._drawn = self._asked
