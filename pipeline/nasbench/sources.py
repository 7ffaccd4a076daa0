"""Reads the published files of NAS-Bench-201 and converts them to rows of the compact table.

*.csv, *.csv.gz              a table with `index`, `arch` and accuracies in percent
NAS-Bench-201-v1_*.pth       the file published with NAS-Bench-201
NATS-tss-v1_*.pickle.pbz2    the topology space of NATS-Bench, in a single file
NATS-tss-v1_*-simple/        the same space, as a folder with one file per cell
"""
# Tested in tests/nasbench/test_archives.py.

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline import files
from pipeline.errors import InputError
from pipeline.nasbench import cells
from pipeline.nasbench.protocols import ACCURACIES, DIGITS_ACCURACIES, PERCENT, limits_of
from pipeline.registry import nearest

if TYPE_CHECKING:
    import pandas as pd

# Columns that we add: a cell's operations, and the row of the cell with this number.
CODE, ROW_OF = "code", "row_of_number"
# The published table has 9 MB and 53 columns.
MOST_CSV, MOST_COLUMNS = 2**26, 1000
WHERE_FROM = (
    "NAS-Bench-201-v1_1-096897.pth: github.com/D-X-Y/NAS-Bench-201; "
    "NATS-tss-v1_0-3ffb9-simple.tar: github.com/D-X-Y/NATS-Bench"
)


def read(path: Path) -> NDArray[Any]:
    """Read a CSV table or a benchmark archive, and return the rows of the compact table.

    Raises:
        InputError: the kind of file is unknown, or the file is damaged or incomplete.
    """
    if path.name.endswith((".csv", ".csv.gz")):
        return _rows(path, read_csv(path))
    if path.is_dir() or path.name.endswith((".pth", ".pickle.pbz2")):
        from pipeline.nasbench import archives

        return _rows(path, archives.read(path))
    raise InputError(
        f"{path}: not a table of a known kind (.csv, .csv.gz, .pth, .pickle.pbz2, a folder "
        f"NATS-tss-*-simple); from {WHERE_FROM}"
    )


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV file, compressed or not.

    Raises:
        InputError: the file is damaged, far too large, or has two columns with the same name.
    """
    import pandas as pd

    files.check_regular(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            content = stream.read(MOST_CSV + 1)
        first = content.partition(b"\n")[0]
        large = len(content) > MOST_CSV or first.count(b",") > MOST_COLUMNS
        if large or content.count(b"\n") > 2 * cells.N_ARCHITECTURES:
            raise ValueError(f"far larger than {cells.N_ARCHITECTURES} rows of numbers")
        header = next(csv.reader([first.decode()]), [])
        if len(set(header)) < len(header):
            raise ValueError(f"column {max(header, key=header.count)!r} stands twice")
        # `round_trip` reads each decimal number as the nearest float.
        return pd.read_csv(io.BytesIO(content), float_precision="round_trip")
    except files.DAMAGED as error:
        raise InputError(f"{path}: truncated or not a CSV table ({error})") from None


def _rows(path: Path, frame: pd.DataFrame) -> NDArray[Any]:
    """The rows of a complete table, sorted by index."""
    is_digits = any(column in frame for column in DIGITS_ACCURACIES)
    accuracies = DIGITS_ACCURACIES if is_digits else ACCURACIES
    for column in ("index", "arch", *accuracies):
        if column not in frame:
            raise InputError(f"{path}: no column {column!r}; {nearest(column, [*map(str, frame)])}")
    for column in map(str, frame):
        if column in ("index", *accuracies) or limits_of(column):
            frame[column] = _numbers(path, frame[column], blanks=column not in accuracies)
    _check_architectures(path, frame)
    frame = frame.sort_values("index", ignore_index=True)
    codes = np.array([cells.parse(arch) for arch in frame["arch"]], dtype=np.uint8)
    numeric = frame.drop(columns=["index", "arch"]).select_dtypes("number")
    columns = {str(name): numeric[name].to_numpy(np.float64) for name in numeric}
    check_range(path, columns)
    return assemble(codes, columns)


def _numbers(path: Path, column: pd.Series, blanks: bool) -> pd.Series:
    """A column as numbers; `blanks` allows empty fields, except in the column `index`."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    bad = column.index[numbers.isna() & ~(column.isna() & (blanks and column.name != "index"))]
    if not bad.empty:
        raise InputError(
            f"{path}: column {column.name!r}, line {bad[0] + 2}: {column[bad[0]]!r} is no number"
        )
    return numbers


def check_range(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Check that numbers are finite, accuracies in [0, 100], and sizes and latencies above 0.

    NaN marks a missing value and is allowed.

    Raises:
        InputError: a number is wrong, or accuracies look like fractions.
    """
    for name, values in columns.items():
        low, high = limits_of(name) or (-np.inf, np.inf)
        wrong = np.isinf(values) | (values < low) | (values > high)
        if wrong.any():
            index = int(wrong.argmax())
            meant = f"between {low:g} and {high:g}" if high < np.inf else "finite and above 0"
            raise InputError(
                f"{path}: column {name!r}, index {index}: {values[index]:g}; expected numbers "
                f"{meant if limits_of(name) else 'that are finite'}"
            )
        if high == PERCENT[1] and not (np.isnan(values).all() or (values > 1).any()):
            raise InputError(
                f"{path}: column {name!r} has no number above 1: accuracies are in percent, "
                "multiply fractions by 100"
            )


def _check_architectures(path: Path, frame: pd.DataFrame) -> None:
    n = cells.N_ARCHITECTURES
    if len(frame) != n:
        raise InputError(f"{path}: {len(frame)} rows; the space has {n}, one for each row")
    if set(frame["index"]) != set(range(n)):
        raise InputError(f"{path}: column 'index' is not 0..{n - 1}, each once")
    missing = set(cells.architectures()).difference(frame["arch"])
    if missing:
        raise InputError(f"{path}: column 'arch' lacks {len(missing)}, first {min(missing)}")


def dtype_of(columns: Iterable[str]) -> np.dtype[Any]:
    """The data type of a row of the compact table."""
    fields: list[Any] = [(CODE, np.uint8, (len(cells.EDGES),)), (ROW_OF, np.uint16)]
    return np.dtype([*fields, *((name, np.float64) for name in columns)])


def assemble(codes: NDArray[np.uint8], columns: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """The compact table, made of codes uint8[15625, 6] and columns float64[15625]."""
    rows = np.empty(len(codes), dtype=dtype_of(columns))
    rows[CODE] = codes
    rows[ROW_OF][cells.numbers_of(codes)] = np.arange(len(codes))
    for name, values in columns.items():
        rows[name] = values
    return rows
