"""The compact table of NAS-Bench-201: one row an architecture, by official index.

Dong & Yang, "NAS-Bench-201", ICLR 2020. A CSV file (plain or gzip) with `index`, `arch` and the
accuracies after the 200-epoch schedule; further columns are passed on as they are. It must list
the whole space, 5 operations on 6 edges: in a part of it, ranks and the optimum would be others.

Units: as in the benchmark, accuracies in percent, regrets in percent points.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.registry import nearest

if TYPE_CHECKING:
    import pandas as pd

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
N_ARCHITECTURES = len(OPERATIONS) ** 6  # 15,625
ACCURACIES = (
    "cifar10_valid",
    "cifar10_test",
    "cifar100_valid",
    "cifar100_test",
    "imagenet16_valid",
    "imagenet16_test",
)
FILE = Path("nas_bench_201", "nas_bench_201.csv.gz")


@dataclass(frozen=True)
class Table:
    """The table in memory.

    Attributes:
        path: The file that it was read from.
        frame: Its columns; row i is the architecture with the official index i.
    """

    path: Path
    frame: pd.DataFrame

    @classmethod
    def load(cls, path: Path | str) -> Table:
        """Read and check a table.

        Raises:
            InputError: The file is missing or damaged, lacks a column or a value, or does not
                list each of the 15,625 architectures once.
        """
        path = Path(path)
        frame = _read(path)
        for column in ("index", "arch", *ACCURACIES):
            if column not in frame:
                raise InputError(
                    f"{path}: no column {column!r}; {nearest(column, [*map(str, frame)])}"
                )
        for column in ("index", *ACCURACIES):
            _check_numbers(path, frame[column])
        _check_architectures(path, frame)
        return cls(path, frame.sort_values("index", ignore_index=True))

    def index_of(self, arch: str) -> int:
        """The official index of an architecture string.

        Raises:
            InputError: It is no architecture of the space.
        """
        found = self.frame.index[self.frame["arch"] == arch.strip()]
        if found.empty:
            raise InputError(
                f"arch: {arch!r} is not in {self.path}; expected "
                f"|op~0|+|op~0|op~1|+|op~0|op~1|op~2| with op in {', '.join(OPERATIONS)}"
            )
        return int(found[0])

    def row(self, index: int) -> dict[str, Any]:
        """All columns of one architecture; a blank is None.

        Raises:
            InputError: No architecture has this index.
        """
        if not 0 <= index < len(self.frame):
            raise InputError(f"index: {index} is not in 0..{len(self.frame) - 1}")
        values = self.frame.iloc[index].to_dict()
        return {key: None if value != value else value for key, value in values.items()}

    def value(self, column: str, arch: str) -> float:
        """One accuracy, in percent, of an architecture string."""
        return float(self._column(column)[self.index_of(arch)])

    def optimal(self, column: str) -> dict[str, Any]:
        """The row of the architecture that is best in a column, the first of equals."""
        return self.row(int(self._column(column).argmax()))

    def rank(self, column: str, index: int) -> int:
        """1 + the number of architectures that are better in a column."""
        values = self._column(column)
        return 1 + int((values > self.row(index)[column]).sum())

    def regret(self, column: str, index: int) -> float:
        """Optimum minus value in a column, in percent points; 0 for the best."""
        # The table has 4 decimals; the difference of two floats would show more.
        return round(float(self._column(column).max()) - self.row(index)[column], 4)

    def query(self, index: int) -> dict[str, Any]:
        """One architecture's row with `rank_<column>` and `regret_<column>` per accuracy."""
        ranks = {f"rank_{column}": self.rank(column, index) for column in ACCURACIES}
        regrets = {f"regret_{column}": self.regret(column, index) for column in ACCURACIES}
        return {**self.row(index), **ranks, **regrets}

    def _column(self, column: str) -> pd.Series:
        if column not in self.frame:
            raise InputError(
                f"{self.path}: no column {column!r}; {nearest(column, list(self.frame))}"
            )
        return self.frame[column]


def architectures() -> Iterator[str]:
    """All architecture strings: node 1 from 0; node 2 from 0, 1; node 3 from 0, 1, 2."""
    for a, b, c, d, e, f in itertools.product(OPERATIONS, repeat=6):
        yield f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def find_table(data_root: Path | str) -> Path | None:
    """Where the table lies below the data root, None if it is not there."""
    path = Path(data_root) / FILE
    return path if path.is_file() else None


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise InputError(f"{path}: no such file; the NAS-Bench-201 table is expected there")
    try:
        # round_trip: 94.37 in the file is 94.37 in the answer.
        return pd.read_csv(path, float_precision="round_trip")
    except (ValueError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path}: truncated or not a CSV table ({error})") from None


def _check_numbers(path: Path, column: pd.Series) -> None:
    import pandas as pd

    bad = column.index[pd.to_numeric(column, errors="coerce").isna()]
    if not bad.empty:
        raise InputError(
            f"{path}: column {column.name!r}, line {bad[0] + 2}: {column[bad[0]]!r} is no number"
        )


def _check_architectures(path: Path, frame: pd.DataFrame) -> None:
    if len(frame) != N_ARCHITECTURES:
        raise InputError(f"{path}: {len(frame)} rows; the space has {N_ARCHITECTURES}, one a row")
    if set(frame["index"]) != set(range(N_ARCHITECTURES)):
        raise InputError(f"{path}: column 'index' is not 0..{N_ARCHITECTURES - 1}, each once")
    missing = set(architectures()).difference(frame["arch"])
    if missing:
        raise InputError(f"{path}: column 'arch' lacks {len(missing)}, first {min(missing)}")
