"""The answer of an estimator: a value and an error for each player."""
# Tested in tests/shapley/test_library.py.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline import files
from pipeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Estimate:
    """The answer of an estimator for n players.

    Attributes:
        phi: float64[n], Shapley values in units of V; NaN if unknown.
        standard_error: float64[n], standard errors of `phi`; NaN for fewer than two samples.
        reached: int64[n], number of samples of each value. A sample is a marginal contribution,
            or a coalition in a regression. 0: the value is unknown, or needed no sampling.
        evaluations: number of coalitions evaluated; a gradient counts as three.
        value_full: mean of V(N) over the draws of V (`game.py`).
        efficient: whether Σ_o φ_o = V(N) - V(∅) holds exactly, with V(N) and V(∅) as means over
            draws.
        freedom: int64[n], degrees of freedom of `standard_error`; None if unknown.
        players: names of the players; None if they have only numbers.
        noisy: whether V returns a different value at each call.
        interrupted: whether Ctrl-C ended the estimate before its budget was spent.
    """

    phi: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    reached: NDArray[np.int64]
    evaluations: int
    value_full: float
    efficient: bool = False
    freedom: NDArray[np.int64] | None = None
    players: tuple[str, ...] | None = None
    noisy: bool = False
    interrupted: bool = False

    @classmethod
    def unknown(cls, n_players: int) -> Estimate:
        """An estimate before any evaluation."""
        nothing = np.full(n_players, np.nan)
        return cls(nothing, nothing, np.zeros(n_players, dtype=np.int64), 0, np.nan)

    def among(self, players: NDArray[np.int64], n_players: int) -> Estimate:
        """Extend the estimate to `n_players` players, of which the additional ones have φ = 0.

        `players`, int64[n], holds the numbers of this estimate's players in the larger game.
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
            freedom=None if self.freedom is None else scatter(self.freedom),
            players=None,
        )

    @property
    def value_empty(self) -> float:
        """V(∅), the mean over draws; NaN unless the values are efficient."""
        return self.value_full - float(self.phi.sum()) if self.efficient else np.nan

    @property
    def names(self) -> list[str]:
        """Names of the players, or their numbers."""
        return [*(self.players or map(str, range(len(self.phi))))]

    def interval(self, level: float = 0.95) -> NDArray[np.float64]:
        """Ends of a Student's t confidence interval for each value, float64[n, 2]."""
        half = half_width(self.standard_error, self.freedom, level)
        return np.stack([self.phi - half, self.phi + half], axis=1)

    def to_frame(self) -> pd.DataFrame:
        """A row for each player: phi, standard_error, low, high (95 %), reached."""
        low, high = self.interval().T
        columns = {
            "phi": self.phi,
            "standard_error": self.standard_error,
            "low": low,
            "high": high,
            "reached": self.reached,
        }
        return frame({"player": self.names, **columns}).set_index("player")

    def top(self, k: int) -> list[tuple[str, float]]:
        """The k players with the largest values, largest first."""
        known = np.where(np.isnan(self.phi), -np.inf, self.phi)
        return [(self.names[o], float(self.phi[o])) for o in np.argsort(-known, kind="stable")[:k]]

    def plot(self, axes: Axes | None = None) -> Axes:
        """Bars with 95 % intervals, the first player on top."""
        axes = axes or new_axes()
        low, high = self.interval().T
        errors = np.nan_to_num(np.stack([self.phi - low, high - self.phi]))
        axes.barh(self.names, np.nan_to_num(self.phi), xerr=errors, capsize=3)
        axes.axvline(0, color="0.5", linewidth=0.8)
        axes.invert_yaxis()
        axes.set_xlabel("Shapley value")
        return axes

    def save(self, path: Path | str) -> None:
        """Write the estimate as JSON."""
        fields = {name: unknown_as_none(value) for name, value in vars(self).items()}
        files.write_json(Path(path), {"format": FORMAT, **fields})

    @classmethod
    def load(cls, path: Path | str) -> Estimate:
        """Read an estimate that `save` wrote.

        Raises:
            InputError: the file is missing or is not an estimate.
        """
        content = files.read_json(Path(path))
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise InputError(f"{path}: no estimate that `save` wrote")
        kinds = {"phi": float, "standard_error": float, "reached": np.int64, "freedom": np.int64}
        try:
            for name, kind in kinds.items():
                if content[name] is not None:
                    content[name] = np.array(
                        [np.nan if v is None else v for v in content[name]], dtype=kind
                    )
            content["players"] = content["players"] and tuple(content["players"])
            value = content["value_full"]
            return cls(**{**content, "value_full": np.nan if value is None else value})
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{path}: no estimate that `save` wrote") from None


FORMAT = "shapley-estimate-1"


def half_width(
    error: NDArray[np.float64], freedom: NDArray[np.int64] | None, level: float
) -> NDArray[np.float64]:
    """Half the width of a confidence interval for each value.

    The interval is Student's t, or that of the normal distribution if `freedom` is None.

    Raises:
        InputError: `level` is not between 0 and 1.
    """
    from scipy import stats  # importing scipy takes longer than most estimates

    if not 0 < level < 1:
        raise InputError(f"level is {level}; it must be between 0 and 1")
    tail = (1 + level) / 2
    if freedom is None:
        return error * stats.norm.ppf(tail)
    quantile = stats.t.ppf(tail, np.maximum(freedom, 1))
    # An error of zero means that the value is exact, whatever the number of samples.
    return np.where(error == 0, 0.0, error * quantile)


def frame(columns: Mapping[str, Any]) -> pd.DataFrame:
    """A data frame with these columns."""
    import pandas as pd  # imported here, because most estimates are never shown

    return pd.DataFrame(columns)


def new_axes() -> Axes:
    """Axes of a new figure."""
    from matplotlib.figure import Figure  # imported here, because most estimates are never drawn

    return Figure(layout="constrained").subplots()


def unknown_as_none(value: Any) -> Any:
    """An array as a list, and NaN as None, since JSON has no NaN."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list):
        return [unknown_as_none(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value
