"""Published data sets that are pickles, read without running what a pickle may run.

A pickle names the functions that rebuild its objects; only those that rebuild a NumPy array are
looked up here, everything else is refused. Checksums are compared before, by `checksums`.
"""

from __future__ import annotations

import codecs
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core import multiarray

from pipeline.errors import InputError

# Old and new NumPy call the same function by different module names.
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): multiarray._reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): multiarray._reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): codecs.encode,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return ALLOWED[module, name]


def read_pickle(path: Path) -> dict[str, Any]:
    """A dict of arrays, lists and strings; strings of Python 2 are read as latin-1.

    Raises:
        InputError: not a pickle of plain arrays, or cut off.
    """
    try:
        with path.open("rb") as stream:
            content = _ArrayUnpickler(stream, encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError) as error:
        raise InputError(f"{path}: not a pickle of plain arrays ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dict, found {type(content).__name__}")
    return content
