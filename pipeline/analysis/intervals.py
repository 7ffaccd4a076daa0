"""Statistics over seeds (mean, 95 % interval, Welch's test), and their form as text.

- *t*: mean ± t(0.975, n - 1) · deviation / sqrt(n), for independent, nearly normal values.
- *bounded*: Gaffke's interval for values between two known bounds. It assumes no distribution. Its
  lower end is the 2.5 % quantile of sum_i w_i x_i over w ~ Dirichlet(1, ..., 1), where the x_i are
  the values and the lower bound. The upper end is the 97.5 % quantile, with the upper bound
  (Gaffke, 2005; Learned-Miller & Thomas, arXiv:1905.06208).

With fewer than three values there is no interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.config.claims import LEAST

CONFIDENCE = 0.95
DRAWS = 40_000  # draws of w for a bounded interval, whose ends are accurate to .003 of the range
MOST_DECIMALS = 6


@dataclass(frozen=True)
class Summary:
    """Statistics of values; below two values no deviation, below three no interval (None)."""

    values: tuple[float, ...]
    mean: float
    deviation: float | None
    low: float | None
    high: float | None
    bounded: bool = False

    @property
    def n(self) -> int:
        """The number of values."""
        return len(self.values)

    @property
    def half_width(self) -> float | None:
        """Half the width of a t interval; None without one."""
        return None if self.high is None or self.bounded else self.high - self.mean

    @property
    def arms(self) -> tuple[float, float]:
        """Distances of the interval's lower and upper end from the mean; 0 without an interval."""
        if self.low is None or self.high is None:
            return 0.0, 0.0
        return self.mean - self.low, self.high - self.mean

    def numbers(self) -> dict[str, float | None]:
        """The summary as plain values for JSON and CSV."""
        return {
            "n": self.n,
            "mean": self.mean,
            "deviation": self.deviation,
            "low": self.low,
            "high": self.high,
        }

    def words(self, decimals: int = 2, signed: bool = False) -> str:
        """Text such as `2.505 ± 0.014` or `94.27 (93.1 to 94.37)`; without an interval, the values.

        Args:
            decimals: used if there is no interval or its width is zero; otherwise the width
                determines the number of decimals.
            signed: whether positive numbers get a plus sign.
        """
        if self.low is None or self.high is None:
            return ", ".join(number(value, decimals, signed) for value in self.values)
        spread = (self.high - self.low) / 2
        digits = decimals_of(spread, decimals)
        mean = number(self.mean, digits, signed)
        if self.bounded:
            return f"{mean} ({number(self.low, digits)} to {number(self.high, digits)})"
        return f"{mean} ± {number(spread, digits)}"


def summarise(values: Iterable[float], bounds: tuple[float, float] | None = None) -> Summary:
    """Mean, standard deviation and 95 % interval of some values.

    Args:
        values: one per seed.
        bounds: smallest and largest possible value, for a bounded interval; None: a t interval.

    Raises:
        ValueError: there is no value.
    """
    array = np.fromiter(values, float)
    n = len(array)
    if n == 0:
        raise ValueError("no values to summarise")
    plain = tuple(array.tolist())
    mean = float(array.mean())
    deviation = float(array.std(ddof=1)) if n > 1 else None
    if deviation is None or n < LEAST:
        return Summary(plain, mean, deviation, None, None)
    if bounds is not None:
        return Summary(plain, mean, deviation, *bounded_interval(array, *bounds), bounded=True)
    from scipy.special import stdtrit  # Student's t; imported here because it takes 0.3 s

    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * deviation / math.sqrt(n)
    return Summary(plain, mean, deviation, mean - half, mean + half)


def bounded_interval(values: np.ndarray, least: float, largest: float) -> tuple[float, float]:
    """Gaffke's interval for the mean of values [n] that lie between `least` and `largest`."""
    generator = np.random.default_rng(0)
    tail = (1 - CONFIDENCE) / 2

    def end(bound: float, share: float) -> float:
        support, counts = np.unique(np.append(values, bound), return_counts=True)
        return float(np.quantile(generator.dirichlet(counts, DRAWS) @ support, share))

    return end(least, tail), end(largest, 1 - tail)


def paired_difference(a: Mapping[int, float], b: Mapping[int, float]) -> Summary | None:
    """Summary of `a` minus `b` over the seeds that both have; None if they share no seed."""
    shared = sorted(a.keys() & b.keys())
    return summarise(a[seed] - b[seed] for seed in shared) if shared else None


def welch(
    first: tuple[float, float, int], second: tuple[float, float, int]
) -> tuple[float, float, float]:
    """Welch's test: difference of two means, half-width of its 95 % interval, two-sided p-value.

    Args:
        first: mean, standard deviation and number of values (at least two) of a group.
        second: the same of the group whose mean is subtracted.
    """
    from scipy.special import stdtr, stdtrit  # as above

    (mean_a, std_a, n_a), (mean_b, std_b, n_b) = first, second
    gap = mean_a - mean_b
    parts = std_a**2 / n_a, std_b**2 / n_b
    error = math.sqrt(sum(parts))
    if error == 0:
        return gap, 0.0, float(gap == 0)
    freedom = error**4 / (parts[0] ** 2 / (n_a - 1) + parts[1] ** 2 / (n_b - 1))
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return gap, half, float(2 * stdtr(freedom, -abs(gap) / error))


def decimals_of(spread: float, fallback: int) -> int:
    """Decimals that leave an interval of this size two significant digits."""
    if not math.isfinite(spread) or spread <= 0:
        return fallback
    return min(max(1 - math.floor(math.log10(spread)), 0), MOST_DECIMALS)


def number(value: float, decimals: int, signed: bool = False) -> str:
    """A number as text with a true minus sign; `failed` for NaN."""
    if math.isnan(value):
        return "failed"
    return f"{value:{'+' if signed else ''},.{decimals}f}".replace("-", "−")
