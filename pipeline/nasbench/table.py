"""The table of NAS-Bench-201 (Dong & Yang, ICLR 2020), and ours of the same cells on digits.

The compact form is a NumPy file: a structured array of 15,625 rows, opened as a memory map, and
a SHA-256 digest. Row i is the architecture with the official index i. Accuracies are in percent.
The regret of a cell is the best accuracy minus the cell's accuracy, in percentage points.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import files
from pipeline.errors import InputError
from pipeline.files import replacing
from pipeline.nasbench import cells, sources
from pipeline.nasbench.protocols import DIGITS_ACCURACIES, accuracies_of, protocol
from pipeline.nasbench.sources import CODE, ROW_OF
from pipeline.registry import nearest

DECIMALS = 4  # as in the published table
MOST = 2**27  # bytes of the compact form


@dataclass(frozen=True)
class Table:
    """An open table."""

    path: Path  # the file that it was read from
    rows: NDArray[Any]  # structured array; row i is the architecture with the official index i

    @classmethod
    def load(cls, path: Path | str) -> Table:
        """Open a compact table (`.npy`), or read any other file that the module `sources` supports.

        Raises:
            InputError: the file is missing, damaged, or does not list the whole space.
        """
        path = Path(path)
        if not path.exists():
            raise InputError(f"{path}: no such file; the NAS-Bench-201 table is expected there")
        if path.suffix == ".npy":
            return cls(path, _mapped(path))
        return cls(path, sources.read(path))

    def save(self, path: Path) -> None:
        """Write the compact form."""
        if path.suffix != ".npy":
            raise InputError(f"{path}: the compact table is written as .npy; name it so")
        with replacing(path) as temporary:
            np.save(temporary, self.rows, allow_pickle=False)
            content = temporary.read_bytes()
            # The digest follows the array, where NumPy does not read it.
            temporary.write_bytes(content + hashlib.sha256(content).digest())

    @property
    def name(self) -> str:
        """The name of this table in provenance records."""
        return "nasbench_digits" if self.accuracies == DIGITS_ACCURACIES else "nas_bench_201"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns with numbers, named as in the source."""
        return tuple(name for name in self.rows.dtype.names or () if name not in (CODE, ROW_OF))

    @property
    def accuracies(self) -> tuple[str, ...]:
        """The columns that rank architectures: six, or two in `nasbench_digits`."""
        return accuracies_of(self.columns)

    def indices(self, which: Sequence[str] | NDArray[np.uint8]) -> NDArray[np.int64]:
        """The official indices of n architectures, as int64[n].

        `which` holds n texts, or n codes as uint8[n, 6] (see the module `cells`).

        Raises:
            InputError: one of the texts is not a cell of the space.
        """
        if isinstance(which, np.ndarray):
            numbers = cells.numbers_of(which)
        else:
            known = self._number_of
            try:
                numbers = np.fromiter(map(known.__getitem__, which), np.int64, len(which))
            except KeyError as error:
                cells.parse(error.args[0])  # raises an error that explains the problem
                raise
        return self.rows[ROW_OF][numbers].astype(np.int64)

    def index_of(self, arch: str) -> int:
        """The official index of an architecture string.

        Raises:
            InputError: the string is not an architecture of the space.
        """
        number = cells.numbers_of(np.array(cells.parse(arch), dtype=np.uint8))
        return int(self.rows[ROW_OF][number])

    def arch(self, index: int) -> str:
        """The text of an official index."""
        return cells.text_of(*(cells.OPERATIONS[o] for o in self.rows[CODE][index]))

    def column(self, name: str) -> NDArray[np.float64]:
        """A column float64[15625], by official index.

        Raises:
            InputError: there is no such column.
        """
        if name not in self.columns:
            raise InputError(f"{self.path}: no column {name!r}; {nearest(name, [*self.columns])}")
        return np.asarray(self.rows[name])

    def row(self, index: int) -> dict[str, Any]:
        """The values of one architecture in all columns; a missing value is None.

        Raises:
            InputError: no architecture has this index.
        """
        if not 0 <= index < len(self.rows):
            raise InputError(f"index: {index} is not in 0..{len(self.rows) - 1}")
        row = self.rows[index]
        values = {name: row[name].item() for name in self.columns}
        blanks = {name: None if value != value else value for name, value in values.items()}
        return {"index": index, "arch": self.arch(index), **blanks}

    def optimal(self, column: str) -> dict[str, Any]:
        """The row with the highest value in a column; if several tie, the first of them."""
        return self.row(int(np.nanargmax(self.column(column))))

    def rank(self, column: str, index: int) -> int:
        """1 + the number of architectures that are better in a column."""
        values = self.column(column)
        return 1 + int((values > values[index]).sum())

    def regret(self, column: str, index: int) -> float:
        """Optimum minus value in a column, in percentage points."""
        # The table has 4 decimals, but the difference of two floats has more.
        values = self.column(column)
        return round(float(np.nanmax(values)) - float(values[index]), DECIMALS)

    def query(self, index: int) -> dict[str, Any]:
        """The row of an architecture, with `rank_<column>` and `regret_<column>` per accuracy."""
        row = self.row(index)
        ranks = {f"rank_{column}": self.rank(column, index) for column in self.accuracies}
        regrets = {f"regret_{column}": self.regret(column, index) for column in self.accuracies}
        return {**row, **ranks, **regrets}

    def limits(self) -> dict[str, float]:
        """`median_<column>` and `best_<column>` over all architectures, for each accuracy."""
        columns = {name: self.column(name) for name in self.accuracies}
        medians = {f"median_{name}": float(np.nanmedian(c)) for name, c in columns.items()}
        return medians | {f"best_{name}": float(np.nanmax(c)) for name, c in columns.items()}

    def protocols(self) -> dict[str, str]:
        """The meaning of each accuracy column, in words."""
        return {name: str(known) for name in self.columns if (known := protocol(name))}

    @cached_property
    def _number_of(self) -> dict[str, int]:
        return {arch: number for number, arch in enumerate(cells.architectures())}


def _mapped(path: Path) -> NDArray[Any]:
    """The rows of the compact form, checked for completeness and ranges."""
    files.check_regular(path, MOST)
    content = path.read_bytes()  # 3 MB; the digest takes milliseconds
    whole = hashlib.sha256(content[:-32]).digest() == content[-32:]
    try:
        rows: NDArray[Any] = np.load(path, mmap_mode="r") if whole else np.empty(0)
        columns = [name for name in rows.dtype.names or () if name not in (CODE, ROW_OF)]
        known = accuracies_of(columns) and rows.dtype == sources.dtype_of(columns)
        if not known or rows.shape != (cells.N_ARCHITECTURES,):
            raise ValueError("no compact table")
        numbers = cells.numbers_of(rows[CODE])
        if not np.array_equal(rows[ROW_OF][numbers], np.arange(cells.N_ARCHITECTURES)):
            raise ValueError("rows in another order than it says")
    except files.DAMAGED:
        raise InputError(
            f"{path}: damaged, or no compact table; delete it and convert again "
            "(`python -m pipeline convert`)"
        ) from None
    sources.check_range(path, {name: rows[name] for name in columns})
    return rows
