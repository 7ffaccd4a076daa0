"""Reads published pickles without running arbitrary code.

A pickle names the functions that rebuild its objects. This reader accepts only functions that build
numbers, plain containers, and NumPy arrays of numbers or text. They replace NumPy's functions, with
which a malicious file could crash the interpreter.
"""

from __future__ import annotations

import bz2
import math
import pickle
import re
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import files
from pipeline.errors import InputError

# One or two bytes of a pickle can create an object of about a hundred bytes in memory.
MOST_STEPS = 4_000_000
MOST_UNPACKED = 2**28
MOST_RATIO = 100  # unpacked size over packed size, above `files.MOST_BYTES`


class Dtype:
    """The dtype of an array of plain numbers or of text of fixed length."""

    def __init__(self, code: Any, *_: Any) -> None:
        if not re.fullmatch(r"[biufcSU]\d{1,4}", str(code)):
            raise pickle.UnpicklingError(f"elements of type {str(code)[:20]!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        self.dtype = self.dtype.newbyteorder(order if order in ("<", ">") else "|")


class Array(np.ndarray):
    """An array; the length of its content must match its shape and type."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, element, fortran, raw = state
        shape, dtype = tuple(int(length) for length in shape), element.dtype
        raw = encode(raw) if isinstance(raw, str) else bytes(raw)
        if min(shape, default=0) < 0 or len(raw) != math.prod(shape) * dtype.itemsize:
            raise pickle.UnpicklingError(f"an array of shape {shape} in {len(raw)} bytes")
        super().__setstate__((1, shape, dtype, bool(fortran), raw))  # type: ignore[arg-type]


def encode(text: str, encoding: str = "latin-1") -> bytes:
    """Bytes that pickle protocols below 3 store as latin-1 text."""
    if encoding.replace("-", "") != "latin1":
        raise pickle.UnpicklingError(f"bytes written as {encoding[:20]!r}")
    return text.encode("latin-1")


def no_bytes() -> bytes:
    """Replaces `bytes`; accepts no size, so a file cannot fill the memory."""
    return b""


def empty_array(*_: Any) -> Array:
    """An array before its state is set."""
    return Array(0, np.uint8)


def number(element: Dtype, raw: bytes | str) -> Any:
    """A NumPy number from its bytes."""
    raw = encode(raw) if isinstance(raw, str) else bytes(raw)
    if len(raw) != element.dtype.itemsize:
        raise pickle.UnpicklingError(f"a number of type {element.dtype} in {len(raw)} bytes")
    return np.frombuffer(raw, element.dtype)[0]


# (module, name) -> its replacement. NumPy has renamed `core` to `_core`.
ALLOWED = {
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): Dtype,
    **{
        (f"numpy.{core}.multiarray", name): rebuild
        for core in ("core", "_core")
        for name, rebuild in (("_reconstruct", empty_array), ("scalar", number))
    },
    ("_codecs", "encode"): encode,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): defaultdict,
    **{
        (module, made.__name__): made
        for module in ("builtins", "__builtin__")
        for made in (dict, list, set)
    },
    ("__builtin__", "bytes"): no_bytes,
}


# The pure Python unpickler, because the C unpickler allocates as much memory as a file requests.
class _Unpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return ALLOWED[module, name]


class _Bounded:
    """A stream that raises an error after a number of bytes or reads."""

    def __init__(self, stream: Any, most_bytes: float, most_reads: float) -> None:
        self._stream, self._bytes, self._reads = stream, most_bytes, most_reads

    def read(self, size: int) -> bytes:
        """The next `size` bytes, or fewer at the end of the file."""
        self._bytes -= size
        self._reads -= 1
        if min(self._bytes, self._reads) < 0:
            raise pickle.UnpicklingError("it holds far more than a file of its kind")
        return self._stream.read(size)

    def readline(self) -> bytes:
        """The next line, at most 1,000 bytes of it."""
        self._reads -= 1
        return self._stream.readline(1000)


def read_pickle(path: Path, bounded: bool = True) -> dict[str, Any]:
    """Read a dict of arrays, numbers and text; a file `*.pbz2` is compressed by bz2.

    Files that unpack to far more data than a batch of images are refused. If `bounded` is False,
    the caller must check that the file fits in memory.

    Raises:
        InputError: the file is missing or damaged, or contains other kinds of objects.
    """
    files.check_regular(path, MOST_UNPACKED if bounded else 2**40)
    most = max(files.MOST_BYTES, MOST_RATIO * path.stat().st_size)
    limits = (min(most, MOST_UNPACKED), MOST_STEPS) if bounded else (math.inf, math.inf)
    try:
        with bz2.open(path) if path.suffix == ".pbz2" else path.open("rb") as stream:
            content = _Unpickler(_Bounded(stream, *limits), encoding="latin1").load()
    except (pickle.UnpicklingError, *files.DAMAGED) as error:
        raise InputError(f"{path}: not a pickle of plain arrays and numbers ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dict, found {type(content).__name__}")
    return content
