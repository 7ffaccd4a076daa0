"""What others publish of NAS-Bench-201, read into the rows of the compact table.

*.csv, *.csv.gz                         a table with `index`, `arch` and accuracies in percent
NAS-Bench-201-v1_*.pth                  the benchmark's own file
NATS-tss-v1_*.pickle.pbz2, *-simple/    NATS-Bench's topology space, one file or a folder of them
"""
# Tested in tests/nasbench/test_archives.py.

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.nasbench import cells
from pipeline.nasbench.protocols import ACCURACIES, DIGITS_ACCURACIES
from pipeline.registry import nearest

if TYPE_CHECKING:
    import pandas as pd

# Columns of our own: the operations of a cell, and the row in which the cell with a number stands.
CODE, ROW_OF = "code", "row_of_number"
WHERE_FROM = (
    "NAS-Bench-201-v1_1-096897.pth: github.com/D-X-Y/NAS-Bench-201; "
    "NATS-tss-v1_0-3ffb9-simple.tar: github.com/D-X-Y/NATS-Bench"
)


def read(path: Path) -> NDArray[Any]:
    """The rows of the compact table from any of the sources.

    Raises:
        InputError: an unknown kind of file, or one that is damaged or not whole.
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
    """A CSV file as it is."""
    import pandas as pd

    try:
        # round_trip: 94.37 in the file is 94.37 in the answer.
        return pd.read_csv(path, float_precision="round_trip")
    except (ValueError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path}: truncated or not a CSV table ({error})") from None


def _rows(path: Path, frame: pd.DataFrame) -> NDArray[Any]:
    """Check that a frame lists the whole space, with all accuracies, and order it by index."""
    is_digits = any(column in frame for column in DIGITS_ACCURACIES)
    accuracies = DIGITS_ACCURACIES if is_digits else ACCURACIES
    for column in ("index", "arch", *accuracies):
        if column not in frame:
            raise InputError(f"{path}: no column {column!r}; {nearest(column, [*map(str, frame)])}")
    for column in ("index", *accuracies):
        _check_numbers(path, frame[column])
    _check_architectures(path, frame)
    frame = frame.sort_values("index", ignore_index=True)
    codes = np.array([cells.parse(arch) for arch in frame["arch"]], dtype=np.uint8)
    numeric = frame.drop(columns=["index", "arch"]).select_dtypes("number")
    return assemble(codes, {str(name): numeric[name].to_numpy(np.float64) for name in numeric})


def _check_numbers(path: Path, column: pd.Series) -> None:
    import pandas as pd

    bad = column.index[pd.to_numeric(column, errors="coerce").isna()]
    if not bad.empty:
        raise InputError(
            f"{path}: column {column.name!r}, line {bad[0] + 2}: {column[bad[0]]!r} is no number"
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


def assemble(codes: NDArray[np.uint8], columns: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """The structured array of codes uint8[15625, 6] and columns float64[15625], in one order."""
    fields: list[Any] = [(CODE, np.uint8, (len(cells.EDGES),)), (ROW_OF, np.uint16)]
    rows = np.empty(len(codes), dtype=[*fields, *((name, np.float64) for name in columns)])
    rows[CODE] = codes
    rows[ROW_OF][cells.numbers_of(codes)] = np.arange(len(codes))
    for name, values in columns.items():
        rows[name] = values
    return rows
