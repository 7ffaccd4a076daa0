"""Published pickles, read without running what a pickle may run.

A pickle names the functions that rebuild its objects. Only those that rebuild NumPy arrays,
numbers and plain containers are known here; everything else is refused.
"""

from __future__ import annotations

import bz2
import codecs
import pickle
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core import multiarray

from pipeline.errors import InputError

# Module and name. Old and new NumPy call the same function by different module names.
ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    **{
        (f"numpy.{core}.multiarray", name): getattr(multiarray, name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    },
    ("_codecs", "encode"): codecs.encode,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): defaultdict,
    ("builtins", "dict"): dict,
    ("builtins", "list"): list,
    ("builtins", "set"): set,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return ALLOWED[module, name]


def read_pickle(path: Path) -> dict[str, Any]:
    """A dict of arrays, numbers and text; `.pbz2` is compressed, text of Python 2 is latin-1.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file is damaged, or asks for more than plain arrays and numbers.
    """
    try:
        with bz2.open(path) if path.suffix == ".pbz2" else path.open("rb") as stream:
            content = _Unpickler(stream, encoding="latin1").load()
    except FileNotFoundError:
        raise
    except (pickle.UnpicklingError, EOFError, OSError, ValueError, IndexError, KeyError) as error:
        raise InputError(f"{path}: not a pickle of plain arrays and numbers ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dict, found {type(content).__name__}")
    return content
