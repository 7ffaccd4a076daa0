"""The compact table as a structured array, one row for each architecture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.nasbench import cells

# Columns of our own: the operations of a cell, and the row in which the cell with a number stands.
CODE, ROW_OF = "code", "row_of_number"


def assemble(codes: NDArray[np.uint8], columns: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """The structured array of a table.

    Args:
        codes: uint8[15625, 6], row i the architecture with the official index i.
        columns: name -> float64[15625].
    """
    fields: list[Any] = [(CODE, np.uint8, (len(cells.EDGES),)), (ROW_OF, np.uint16)]
    rows = np.empty(len(codes), dtype=[*fields, *((name, np.float64) for name in columns)])
    rows[CODE] = codes
    rows[ROW_OF][cells.numbers_of(codes)] = np.arange(len(codes))
    for name, values in columns.items():
        rows[name] = values
    return rows
