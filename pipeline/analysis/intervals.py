"""Several seeds as a mean with its 95 % confidence interval (Student's t; said so in the report).

The interval is mean ± t(0.975, n - 1) · deviation / sqrt(n), deviation being the sample's
(divided by n - 1). One seed has neither deviation nor interval. The t interval takes the seeds as
independent and their values as about normal; with three or four seeds no test can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # the t quantile without the slow import of scipy.stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """Of `n` values: mean, sample deviation and half the interval's width (None for one value)."""

    n: int
    mean: float
    deviation: float | None
    half_width: float | None

    @property
    def low(self) -> float | None:
        """Lower end of the interval."""
        return None if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        """Upper end of the interval."""
        return None if self.half_width is None else self.mean + self.half_width

    def numbers(self) -> dict[str, float | None]:
        """Plain, as JSON and CSV take it."""
        return {
            "n": self.n,
            "mean": self.mean,
            "deviation": self.deviation,
            "low": self.low,
            "high": self.high,
        }


def summarise(values: Iterable[float]) -> Summary:
    """Mean, deviation and interval of at least one value.

    Raises:
        ValueError: there is no value.
    """
    array = np.fromiter(values, float)
    n = len(array)
    if n == 0:
        raise ValueError("no values to summarise")
    if n == 1:
        return Summary(1, float(array[0]), None, None)
    deviation = float(array.std(ddof=1))
    quantile = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    return Summary(n, float(array.mean()), deviation, quantile * deviation / n**0.5)


def paired_difference(a: Mapping[int, float], b: Mapping[int, float]) -> Summary | None:
    """`a` minus `b` over the seeds that both have; None if they share none.

    Equal seeds share split and data order, so that the difference varies less than its terms.
    """
    shared = sorted(a.keys() & b.keys())
    return summarise(a[seed] - b[seed] for seed in shared) if shared else None
