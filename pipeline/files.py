"""Writes files completely or not at all, by renaming a temporary file; reads files strictly."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import math
import os
import stat
import struct
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import InputError

# Errors that numpy and its zip reader raise for damaged files.
DAMAGED = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, SyntaxError, OverflowError),
    *(NotImplementedError, RuntimeError, AttributeError, IndexError, AssertionError, MemoryError),
    *(struct.error, zlib.error, zipfile.BadZipFile, csv.Error, tokenize.TokenError),
)
# Limits for files that are read into memory, far above the sizes of files that this program writes.
MOST_BYTES = 16 * 2**20  # for JSON, CSV and other text
MOST_ARRAY_BYTES = 2**30
MOST_RATIO = 20  # unpacked size over packed size


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path next to `path`; rename it to `path` if the block succeeds.

    It has the suffix of `path`, because some libraries choose the file format by the suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        # Flushed before the rename, so a power cut leaves the old or the new file.
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable() -> None:
    """Check that the working folder and the folder for temporary files are writable.

    Raises:
        InputError: a folder is missing or not writable, or its disk is full.
    """
    temporary = {name: os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")}
    for name, folder in {**temporary, "working folder": str(Path.cwd())}.items():
        if folder:
            try:
                with tempfile.TemporaryFile(dir=folder) as probe:
                    probe.write(bytes(64 * 1024))
            except OSError as error:
                raise InputError(
                    f"{name}: {folder}: {error.strerror}; free space there or name another folder"
                ) from error


def readable(text: Path | str) -> str:
    r"""A file name as text; bytes that are not valid UTF-8 are written like `\xff`."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text atomically; names that the locale cannot encode are escaped."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path | str, value: Any) -> None:
    """Write indented JSON atomically; raise `InputError` if a number is not finite."""
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise InputError(
            f"{path}: not written, a number of it is not finite; look at the run's history"
        ) from None
    write_text(path, text + "\n")


def check_regular(path: Path | str, most: int = MOST_BYTES) -> None:
    """Raise `InputError` unless a path is a regular file of at most `most` bytes."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # a name that is too long, a NUL, a circle of links
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{str(path)[:200]}: cannot be read ({reason})") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path}: a folder, expected a file")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path}: a pipe or a device, expected a regular file")
    if status.st_size > most:
        raise InputError(
            f"{path}: {status.st_size / 1e6:,.0f} MB; a file of this kind has at most "
            f"{most / 1e6:,.0f} MB, so it is another one"
        )


def read_text(path: Path | str, most: int = MOST_BYTES) -> str:
    """Read a UTF-8 file; raise `InputError` if it is not regular or exceeds `most` bytes."""
    check_regular(path, most)
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at {error.start})") from None


def parse_json(text: str) -> Any:
    """Parse JSON strictly.

    Raises:
        ValueError: invalid JSON, a repeated key, a number that is not finite, or too deep nesting.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {max(keys, key=keys.count)!r} twice")
    return content


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def read_json(path: Path | str) -> Any:
    """Read JSON strictly (`parse_json`); any fault is an `InputError` that names the file."""
    try:
        return parse_json(read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error})") from None


def read_object(path: Path | str) -> dict[str, Any]:
    """As `read_json`, for a file that contains a JSON object."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected an object {{...}}, found {type(value).__name__}")
    return value


def read_share(path: Path | str, key: str) -> float:
    """Read a number between 0 and 1 from a JSON file."""
    value = read_object(path).get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise InputError(f"{path}: {key}: {value!r:.80}; expected a number between 0 and 1")
    return float(value)


def read_arrays(path: Path | str, whole: Collection[str] = ()) -> dict[str, Any]:
    """Read all arrays of an .npz file; those in `whole` must exist, with finite numbers only.

    Raises:
        InputError: the file is missing, damaged or too large, an array of `whole` is missing or
            not finite, or another array has infinite values.
    """
    import numpy as np

    check_regular(path, MOST_ARRAY_BYTES)
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        # Compressed zeros can unpack to a thousand times their size.
        if unpacked > max(MOST_BYTES, MOST_RATIO * Path(path).stat().st_size):
            raise ValueError("it unpacks to more than it can hold")
        with np.load(path, allow_pickle=False) as content:
            arrays = dict(content)
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("not arrays only")
    except DAMAGED:
        raise InputError(
            f"{path}: damaged or no file of arrays; delete it and run its stage again"
        ) from None
    for name in whole:
        if name not in arrays or arrays[name].dtype.kind not in "iuf":
            raise InputError(f"{path}: no numbers {name!r}; delete it and run its stage again")
    for name, array in arrays.items():
        if array.dtype.kind in "fc" and not (
            np.isfinite(array).all() if name in whole else not np.isinf(array).any()
        ):
            raise InputError(
                f"{path}: {name} has values that are not finite; delete it and run its stage again"
            )
    return arrays


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; columns in order of first appearance."""
    stream = io.StringIO()
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def write_csv(path: Path | str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV atomically."""
    write_text(path, csv_text(rows))


def read_csv(path: Path | str) -> list[dict[str, str]]:
    """The rows of a CSV file; all values are text.

    Raises:
        InputError: the file is missing or not CSV, or a row does not fit the header.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True))
    except csv.Error as error:
        raise InputError(f"{path}: not valid CSV ({error})") from None
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise InputError(f"{path}: row {number} has another number of values than the header")
    return rows


def below(root: Path, path: str) -> Path:
    """Resolve a path; raise `InputError` if a relative path leads to a place outside `root`."""
    whole = Path(os.path.normpath(root / path))
    if not Path(path).is_absolute() and not whole.is_relative_to(os.path.normpath(root)):
        raise InputError(f"{path}: leads out of {root}; name a path below it, or an absolute one")
    return root / path


def digest(path: Path | str, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file's bytes."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
